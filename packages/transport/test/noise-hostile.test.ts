import { type ByteStream, type CloseReason, systemRandom } from '@hearsay/core'
import { memoryStreamPair, settle, virtualClock } from '@hearsay/core/memory'
import { type MuxLink, networkId } from '@hearsay/core/mux'
import { secureLink } from '@hearsay/transport/noise'
import Noise from 'noise-handshake'
import { describe, expect, it } from 'vitest'
import { createCurve } from '../src/noise/curve.js'
import { frameMessage, LENGTH_BYTES } from '../src/noise/message-reader.js'
import { closed, eve, outcome, side } from './fixtures.js'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const concat = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))

/** One end of a stream whose other end is secured by bob, who accepts. */
function victim(): {
  stream: ByteStream
  result: Promise<unknown>
  gone: Promise<void>
  next: () => Promise<Uint8Array>
} {
  const [near, far] = memoryStreamPair()
  const heard: Uint8Array[] = []
  let tell: () => void = () => {}
  near.on('data', (chunk) => {
    heard.push(chunk)
    tell()
  })
  const next = async (): Promise<Uint8Array> => {
    while (heard.length === 0) {
      await new Promise<void>((resolve) => {
        tell = resolve
      })
    }
    return (heard.shift() as Uint8Array).subarray(LENGTH_BYTES)
  }
  return { stream: near, result: outcome(secureLink(far, side(false))), gone: closed(near), next }
}

/** A dialling remote that speaks Noise by hand, with the X25519 key that it likes. */
function attacker(prologue = 'hearsay/noise/1'): { noise: Noise; staticKey: Uint8Array } {
  const curve = createCurve(systemRandom())
  const keyPair = curve.generateKeyPair()
  const noise = new Noise('XX', true, keyPair, { curve })
  noise.initialise(concat(utf8(prologue), networkId('test')))
  return { noise, staticKey: keyPair.publicKey }
}

const signed = (staticKey: Uint8Array, role = 0, network = 'test'): Uint8Array =>
  concat(utf8('hearsay/noise-identity/1'), networkId(network), Uint8Array.of(role), staticKey)

/** What bob says of an initiator whose last message carries this payload. */
async function introduce(payload: (staticKey: Uint8Array) => Uint8Array): Promise<unknown> {
  const { stream, result, next } = victim()
  const { noise, staticKey } = attacker()
  stream.write(frameMessage(noise.send()))
  noise.recv(Buffer.from(await next()))
  stream.write(frameMessage(noise.send(payload(staticKey))))
  await settle()
  stream.destroy()
  return result
}

describe('a handshake with a hostile remote', () => {
  it.each([
    ['a length of nothing', Uint8Array.of(0, 0)],
    ['a length of one less', concat(Uint8Array.of(31, 0), new Uint8Array(31))],
    ['a length above 1 KiB', Uint8Array.of(1, 4)],
    ['the largest length', Uint8Array.of(0xff, 0xff)],
    ['a request of another protocol', utf8('GET / HTTP/1.1\r\n\r\n')],
    ['a key of zeros', frameMessage(new Uint8Array(32))],
    ['a key of order two', frameMessage(Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 1 : 0)))],
    ['a key and more behind it', concat(frameMessage(attacker().noise.send()), Uint8Array.of(1))],
    ['a second message of noise', concat(frameMessage(attacker().noise.send()))],
  ])('ends with ERR_HANDSHAKE after %s', async (what, bytes) => {
    const { stream, result, gone } = victim()
    stream.write(bytes)
    await settle()
    if (what.startsWith('a second')) stream.write(frameMessage(systemRandom().bytes(160)))
    expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE' })
    await gone
  })

  it('ends after any garbage at all, without an answer longer than the question', async () => {
    const random = systemRandom()
    for (let round = 0; round < 100; round++) {
      const { stream, result } = victim()
      stream.write(random.bytes(1 + random.below(300)))
      await settle()
      stream.destroy()
      expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE' })
    }
  })

  it('takes an identity that signed the key of this handshake', async () => {
    const good = await introduce((key) => concat(eve.publicKey, eve.sign(signed(key))))
    // The stream ends before the hello: nothing was wrong with the identity.
    expect(String(good)).toContain('before it was ready')
  })

  it.each([
    ['an identity that signed another key: a proof that was relayed', () => signed(new Uint8Array(32).fill(9))],
    ['an identity that signed for the other role: a proof sent back', (key: Uint8Array) => signed(key, 1)],
    ['an identity that signed for another network', (key: Uint8Array) => signed(key, 0, 'other')],
    ['an identity that signed something else', (key: Uint8Array) => key],
  ])('refuses %s', async (_what, message) => {
    const result = await introduce((key) => concat(eve.publicKey, eve.sign(message(key))))
    expect(String(result)).toContain('did not prove its identity')
  })

  it('refuses each flipped bit of a proof, an empty one and one of zeros', async () => {
    const proof = (key: Uint8Array): Uint8Array => concat(eve.publicKey, eve.sign(signed(key)))
    for (let bit = 0; bit < 96 * 8; bit += 7) {
      const flipped = (key: Uint8Array): Uint8Array =>
        proof(key).map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      expect(await introduce(flipped)).toMatchObject({
        code: 'ERR_HANDSHAKE',
        message: expect.stringContaining('identity'),
      })
    }
    expect(await introduce(() => new Uint8Array(96))).toMatchObject({ code: 'ERR_HANDSHAKE' })
    expect(await introduce(() => new Uint8Array())).toMatchObject({ code: 'ERR_HANDSHAKE' })
  })

  it('refuses a remote of another version of the handshake', async () => {
    const { stream, result, next } = victim()
    const { noise } = attacker('hearsay/noise/2')
    stream.write(frameMessage(noise.send()))
    const answer = await next()
    expect(() => noise.recv(Buffer.from(answer))).toThrow()
    stream.destroy()
    expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE' })
  })

  it('refuses a replay of what a good initiator once said', async () => {
    const [near, far] = memoryStreamPair()
    const recorded: Uint8Array[] = []
    const write = near.write.bind(near)
    near.write = (chunk) => {
      recorded.push(chunk.slice())
      return write(chunk)
    }
    await Promise.all([secureLink(near, side(true)), secureLink(far, side(false))])
    const { stream, result } = victim()
    for (const chunk of recorded) {
      stream.write(chunk)
      await settle()
    }
    expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE' })
  })

  it('costs less than 4 KiB of heap for a stranger who begins and waits', async () => {
    const { setFlagsFromString } = await import('node:v8')
    const { runInNewContext } = await import('node:vm')
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const clock = virtualClock()
    const pairs = Array.from({ length: 500 }, () => memoryStreamPair())
    // What the stream itself keeps for its listeners is not the handshake's.
    for (const [, far] of pairs) for (const event of ['end', 'close', 'error', 'data']) far.on(event as 'end', () => {})
    for (const [, far] of pairs) far.pause()
    const options = side(false, { clock })
    collect()
    const before = process.memoryUsage()
    const results = pairs.map(([, far]) => outcome(secureLink(far, options)))
    for (const [near] of pairs) near.write(Uint8Array.of(32, 0, 1, 2, 3))
    await settle()
    collect()
    const after = process.memoryUsage()
    const each = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / pairs.length
    expect(each).toBeLessThan(4_096)
    await clock.play(3_000)
    for (const result of results) expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE_TIMEOUT' })
  })
})

describe('a secured link with a hostile peer', () => {
  async function linked(): Promise<{
    wire: ByteStream
    reason: Promise<CloseReason>
    clock: ReturnType<typeof virtualClock>
  }> {
    const clock = virtualClock()
    const [near, far] = memoryStreamPair()
    const limits = { pingIntervalMs: 1_000_000 }
    const [, right] = (await Promise.all([
      secureLink(near, side(true, { clock, limits })),
      secureLink(far, side(false, { clock, limits })),
    ])) as [MuxLink, MuxLink]
    await settle()
    return { wire: near, reason: new Promise((resolve) => right.on('close', resolve)), clock }
  }

  it.each([
    ['the largest length', [0xff, 0xff, 0xff], 'ERR_FRAME_SIZE'],
    ['one byte more than a sealed 1 MiB', [18, 0, 0x10], 'ERR_FRAME_SIZE'],
  ])('ends at a header with %s, before any memory is kept for it', async (_what, header, code) => {
    const { wire, reason } = await linked()
    const before = process.memoryUsage().arrayBuffers
    wire.write(Uint8Array.from(header))
    expect(await reason).toMatchObject({ code, by: 'failure' })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000)
  })

  it('waits for the rest of a frame of the largest size that is allowed', async () => {
    const { wire, reason } = await linked()
    wire.write(Uint8Array.from([17, 0, 0x10]))
    expect(await Promise.race([reason, settle()])).toBeUndefined()
  })

  it('ends when a frame is begun and fed byte by byte', async () => {
    const { wire, reason, clock } = await linked()
    wire.write(Uint8Array.from([0, 0, 1]))
    for (let second = 0; second < 11; second++) {
      wire.write(Uint8Array.of(0))
      await clock.play(1_000)
    }
    expect(await reason).toMatchObject({ code: 'ERR_TIMEOUT', by: 'failure' })
  })

  it('ends when a frame is not sealed by the peer', async () => {
    const { wire, reason } = await linked()
    wire.write(concat(Uint8Array.from([40, 0, 0]), new Uint8Array(40)))
    expect(await reason).toMatchObject({ by: 'failure' })
  })
})
