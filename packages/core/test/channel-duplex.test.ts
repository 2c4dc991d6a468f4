import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { createIdentity, type Link } from '@hearsay/core'
import { memoryLinkPair, settle } from '@hearsay/core/memory'
import { channelDuplex } from '@hearsay/core/node'
import { describe, expect, it } from 'vitest'

const NAME = { protocol: 'test/stream/1' }

/** A stream between two memory links. */
function pair(): { readonly a: Duplex; readonly b: Duplex; readonly links: readonly [Link, Link] } {
  const links = memoryLinkPair({ a: createIdentity().id, b: createIdentity().id })
  const [a, b] = links.map((link) => channelDuplex(link.openChannel(NAME))) as [Duplex, Duplex]
  return { a, b, links }
}

/** What comes until the remote ends its direction; unlike an iterator it leaves the other one open. */
function buffer(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve) => stream.once('end', () => resolve(Buffer.concat(chunks))))
}

describe('a channel as a duplex', () => {
  it('carries megabytes both ways at once, in writes of any size', async () => {
    const { a, b } = pair()
    const [there, back] = [randomBytes(3_000_000), randomBytes(2_000_000)]
    const received = Promise.all([buffer(b), buffer(a)])
    for (let at = 0; at < there.length; at += 70_001) a.write(there.subarray(at, at + 70_001))
    b.end(back)
    a.end()
    const [atB, atA] = await received
    expect(Buffer.compare(atB, there)).toBe(0)
    expect(Buffer.compare(atA, back)).toBe(0)
  })

  it('ends each direction by itself', async () => {
    const { a, b } = pair()
    a.end('question')
    expect((await buffer(b)).toString()).toBe('question')
    b.end('answer after the other side has ended')
    expect((await buffer(a)).toString()).toBe('answer after the other side has ended')
  })

  it('closes its channel, not the link, when both directions have ended', async () => {
    const { a, b, links } = pair()
    a.end()
    b.end()
    await Promise.all([buffer(a), buffer(b)])
    await settle()
    const again = links.map((link) => channelDuplex(link.openChannel(NAME))) as [Duplex, Duplex]
    again[0].end('again')
    expect((await buffer(again[1])).toString()).toBe('again')
  })

  it('holds no more than the window for a reader that has stopped', async () => {
    const { a, b } = pair()
    const total = 10_000_000
    const chunk = Buffer.alloc(50_000)
    let written = 0
    const fill = (): void => {
      let goOn = written < total
      while (goOn) {
        written += chunk.length
        goOn = a.write(chunk) && written < total
      }
      if (written >= total) a.end()
    }
    a.on('drain', () => written < total && fill())
    fill()
    for (let turn = 0; turn < 20; turn++) await settle()
    expect(written).toBeLessThan(1_000_000)
    expect((await buffer(b)).length).toBe(total)
  })

  it('errors with a code when the remote goes away in the middle', async () => {
    const { a, b } = pair()
    a.write('half a ')
    await settle()
    const failed = new Promise((resolve) => b.once('error', resolve))
    a.destroy()
    b.resume()
    expect(await failed).toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('errors with a code when the link ends', async () => {
    const { a, b, links } = pair()
    const failed = Promise.all([a, b].map((stream) => new Promise((resolve) => stream.once('error', resolve))))
    await settle()
    await links[0].close()
    expect(await failed).toMatchObject([{ code: 'ERR_CLOSED' }, { code: 'ERR_CLOSED' }])
  })

  it('errors with a code when the remote sends what a stream does not have', async () => {
    const [left, right] = memoryLinkPair({ a: createIdentity().id, b: createIdentity().id })
    const channel = left.openChannel(NAME)
    const stream = channelDuplex(right.openChannel(NAME))
    const failed = new Promise((resolve) => stream.once('error', resolve))
    await settle()
    channel.send(Uint8Array.of(7))
    expect(await failed).toMatchObject({ code: 'ERR_PROTOCOL' })
  })
})
