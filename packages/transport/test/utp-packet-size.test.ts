import { describe, expect, it } from 'vitest'
import { PacketSize, pathTo } from '../src/utp/packet-size.js'

/** Tries what it wants to try until it has settled, where no more than `most` bytes get through, IP header included. */
function search(size: PacketSize, host: string, most: number): { readonly found: number; readonly tries: number } {
  const { overhead } = pathTo(host)
  let tries = 0
  for (let probe = size.probe; probe !== 0; probe = size.probe, tries++) {
    if (tries > 50) throw new Error('no end')
    size.onProbe(probe)
    if (probe + overhead <= most) size.onAcknowledged(probe)
    else size.onLost()
  }
  return { found: size.bytes + overhead, tries }
}

describe('the longest packet', () => {
  it.each([
    ['an address elsewhere', '192.0.2.1', 1_400],
    ['an address elsewhere', '2001:db8::1', 1_400],
    ['this machine', '127.0.0.1', 8_192],
    ['this machine', '127.8.9.1', 8_192],
    ['this machine', '::1', 8_192],
  ])('to %s (%s) is tried first, and found at once', (_, host, bytes) => {
    expect(search(new PacketSize(pathTo(host)), host, 65_536)).toEqual({ found: bytes, tries: 1 })
  })

  it.each([1_280, 1_300, 1_400, 2_000, 4_096])(
    'within this machine is an ordinary one where %i bytes get through',
    (most) => {
      const { found, tries } = search(new PacketSize(pathTo('127.0.0.1')), '127.0.0.1', most)
      expect(found).toBeLessThanOrEqual(Math.min(1_400, most))
      expect(found).toBeGreaterThan(Math.min(1_400, most) - 25)
      expect(tries).toBeLessThan(12)
    },
  )

  it('is doubted after two timeouts in a row, and searched again', () => {
    const size = new PacketSize(pathTo('127.0.0.1'))
    search(size, '127.0.0.1', 65_536)
    size.onTimeout()
    expect(size.bytes).toBe(8_164)
    size.onTimeout()
    expect(size.bytes).toBe(1_252)
    expect(search(size, '127.0.0.1', 1_400).found).toBe(1_400)
  })
})
