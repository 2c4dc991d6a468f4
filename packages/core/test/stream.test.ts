import { type ByteStream, createIdentity, seededRandom, systemClock } from '@hearsay/core'
import { type LinkFixture, linkConformance, runConformance } from '@hearsay/core/conformance'
import { memoryStreamPair, settle, virtualClock } from '@hearsay/core/memory'
import type { MuxLink } from '@hearsay/core/mux'
import { type StreamLinkOptions, streamLink } from '@hearsay/core/stream'
import { describe, expect, it } from 'vitest'

const alice = createIdentity()
const bob = createIdentity()
const eve = createIdentity()

function options(initiator: boolean, more: Partial<StreamLinkOptions> = {}): StreamLinkOptions {
  const identity = initiator ? alice : bob
  return { identity, initiator, clock: virtualClock(), random: seededRandom(initiator ? 1 : 2), ...more }
}

/** The link, or why there is none. */
const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

function both(
  [near, far]: readonly [ByteStream, ByteStream],
  left: Partial<StreamLinkOptions> = {},
  right: Partial<StreamLinkOptions> = {},
): Promise<[unknown, unknown]> {
  return Promise.all([outcome(streamLink(near, options(true, left))), outcome(streamLink(far, options(false, right)))])
}

/** The remote's end of a stream whose other end waits for a link. */
function waiting(clock = virtualClock()): { stream: ByteStream; result: Promise<unknown>; closed: Promise<string> } {
  const [near, far] = memoryStreamPair()
  const closed = new Promise<string>((resolve) => far.on('close', () => resolve('closed')))
  far.on('data', () => {})
  return { stream: far, result: outcome(streamLink(near, options(true, { clock }))), closed }
}

async function create(chunkBytes: number | undefined, reversed: boolean): Promise<LinkFixture> {
  const [near, far] = memoryStreamPair(chunkBytes ? { chunkBytes } : {})
  const clock = systemClock()
  const random = seededRandom(Math.floor(clock.now() * 1_000))
  const links = await Promise.all([
    streamLink(reversed ? far : near, options(true, { clock, random })),
    streamLink(reversed ? near : far, options(false, { clock, random })),
  ])
  const [a, b] = links
  const close = async (): Promise<void> => {
    await Promise.all(links.map((link) => link.close()))
  }
  return { a, b, close }
}

describe('a link over a plain stream keeps the promises of a link', () => {
  runConformance({ test: it, create: () => create(undefined, false), suite: linkConformance })
})

describe('a link over a stream of small chunks, the other way round, keeps the promises of a link', () => {
  runConformance({ test: it, create: () => create(1_000, true), suite: linkConformance })
})

describe('a plain stream link', () => {
  it('is made of single bytes as well', async () => {
    const links = await both(memoryStreamPair({ chunkBytes: 1 }))
    expect(links.map((link) => (link as MuxLink).remote)).toEqual([bob.id, alice.id])
  })

  it.each([
    ['the largest length of four bytes', [0xff, 0xff, 0xff, 0xff]],
    ['one byte more than 1 KiB', [1, 4, 0, 0]],
  ])('refuses %s before authentication at its header', async (_what, header) => {
    const { stream, result } = waiting()
    stream.write(Uint8Array.from(header))
    expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE', cause: { code: 'ERR_FRAME_SIZE' } })
  })

  it('ends when a frame above 1 MiB is declared after authentication', async () => {
    const [near, far] = memoryStreamPair()
    const [left] = (await both([near, far])) as [MuxLink, MuxLink]
    const reason = new Promise((resolve) => left.on('close', resolve))
    far.write(Uint8Array.of(1, 0, 0x10, 0))
    expect(await reason).toMatchObject({ code: 'ERR_FRAME_SIZE', by: 'failure' })
  })

  it('keeps no memory for what was declared and has not come', async () => {
    const [near, far] = memoryStreamPair()
    await both([near, far])
    const before = process.memoryUsage().arrayBuffers
    far.write(Uint8Array.of(0, 0, 0x10, 0, 1, 2, 3))
    await settle()
    // A megabyte was declared; what Node itself sets aside meanwhile is less than half of it.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(512 * 1024)
  })

  it('is given up when the remote says nothing for three seconds', async () => {
    const clock = virtualClock()
    const { result, closed } = waiting(clock)
    await clock.play(2_999)
    expect(clock.pending).toBe(1)
    await clock.play(1)
    expect(await result).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect([await closed, clock.pending]).toEqual(['closed', 0])
  })

  it('ends when a frame is begun and hardly goes on', async () => {
    const clock = virtualClock()
    const [near, far] = memoryStreamPair()
    const [left] = (await both([near, far], { clock }, { clock })) as [MuxLink, MuxLink]
    const reason = new Promise((resolve) => left.on('close', resolve))
    far.write(Uint8Array.of(0, 0, 1, 0))
    for (let second = 0; second < 10; second++) {
      far.write(new Uint8Array(100))
      await clock.play(1_000)
    }
    expect(await reason).toMatchObject({ code: 'ERR_TIMEOUT', by: 'failure' })
  })

  it('lives on while a frame comes at 2 KiB a second', async () => {
    const clock = virtualClock()
    const [near, far] = memoryStreamPair()
    const limits = { pingIntervalMs: 1_000_000 }
    const [left] = (await both([near, far], { clock, limits }, { clock, limits })) as [MuxLink, MuxLink]
    let closed = false
    left.on('close', () => {
      closed = true
    })
    far.write(Uint8Array.of(0, 0, 1, 0))
    for (let second = 0; second < 30; second++) {
      far.write(new Uint8Array(2_048))
      await clock.play(1_000)
    }
    expect(closed).toBe(false)
  })

  it('tells both sides when their networks differ', async () => {
    const results = await both(memoryStreamPair(), { network: 'one' }, { network: 'two' })
    expect(results).toMatchObject([{ code: 'ERR_HANDSHAKE' }, { code: 'ERR_HANDSHAKE' }])
  })

  it('is refused to a peer that was not expected, and to ourselves', async () => {
    const unexpected = await both(memoryStreamPair(), { expected: eve.id })
    expect(unexpected).toMatchObject([{ code: 'ERR_HANDSHAKE' }, { code: 'ERR_HANDSHAKE' }])
    const self = await both(memoryStreamPair(), {}, { identity: alice })
    expect(self).toMatchObject([{ code: 'ERR_HANDSHAKE' }, { code: 'ERR_HANDSHAKE' }])
  })

  it('is refused when both sides claim the same role', async () => {
    const results = await both(memoryStreamPair(), {}, { initiator: true })
    expect(results).toMatchObject([{ code: 'ERR_HANDSHAKE' }, { code: 'ERR_HANDSHAKE' }])
  })

  it('is refused to a remote that sends our own messages back', async () => {
    const [near, far] = memoryStreamPair()
    far.on('data', (chunk) => far.write(chunk))
    expect(await outcome(streamLink(near, options(true)))).toMatchObject({ code: 'ERR_HANDSHAKE' })
  })

  it('is refused to a replay of a handshake that once was good', async () => {
    const [near, far] = memoryStreamPair()
    const recorded: Uint8Array[] = []
    const write = near.write.bind(near)
    near.write = (chunk) => {
      recorded.push(chunk.slice())
      return write(chunk)
    }
    await both([near, far])
    const [again, replayer] = memoryStreamPair()
    const result = outcome(streamLink(again, options(false, { random: seededRandom(99) })))
    for (const chunk of recorded) replayer.write(chunk)
    expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE' })
  })

  it('says of a stream that broke that the handshake failed', async () => {
    const { stream, result } = waiting()
    stream.destroy()
    expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE' })
  })

  it('lets another stop reading without piling up memory', async () => {
    const [near, far] = memoryStreamPair()
    const [left, right] = (await both([near, far])) as [MuxLink, MuxLink]
    right.on('channel', (name) => right.openChannel(name).setFlowing(false))
    const channel = left.openChannel({ protocol: 'test' })
    await settle()
    let sent = 0
    for (let frame = 0; frame < 10_000; frame++) if (channel.send(new Uint8Array(1_000))) sent += 1_000
    expect(sent).toBeLessThan(262_144 + 1_000)
  })
})
