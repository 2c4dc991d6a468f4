import { type ByteStream, systemClock } from '@hearsay/core'
import { type LinkFixture, linkConformance, runConformance } from '@hearsay/core/conformance'
import { memoryStreamPair, settle, virtualClock } from '@hearsay/core/memory'
import type { MuxLink } from '@hearsay/core/mux'
import { secureLink } from '@hearsay/transport/noise'
import { describe, expect, it } from 'vitest'
import { alice, bob, closed, eve, exchange, outcome, side, socketPair } from './fixtures.js'

type Streams = readonly [ByteStream, ByteStream]

async function fixture([near, far]: Streams): Promise<LinkFixture> {
  const links = await Promise.all([secureLink(near, side(true)), secureLink(far, side(false))])
  const close = async (): Promise<void> => {
    await Promise.all(links.map((link) => link.close()))
  }
  return { a: links[0], b: links[1], close }
}

function both([near, far]: Streams, left = {}, right = {}): Promise<[unknown, unknown]> {
  return Promise.all([outcome(secureLink(near, side(true, left))), outcome(secureLink(far, side(false, right)))])
}

describe('a secured link over memory keeps the promises of a link', () => {
  runConformance({ test: it, create: () => fixture(memoryStreamPair()), suite: linkConformance })
})

describe('a secured link over small chunks, the other way round, keeps the promises of a link', () => {
  const create = (): Promise<LinkFixture> =>
    fixture([...memoryStreamPair({ chunkBytes: 1_000 })].reverse() as unknown as Streams)
  runConformance({ test: it, create, suite: linkConformance })
})

describe('a secured link over TCP keeps the promises of a link', () => {
  runConformance({ test: it, create: async () => fixture(await socketPair()), suite: linkConformance })
})

describe('a secured link over TCP, dialled by who accepted, keeps the promises of a link', () => {
  const create = async (): Promise<LinkFixture> => fixture([...(await socketPair())].reverse() as unknown as Streams)
  runConformance({ test: it, create, suite: linkConformance })
})

describe('a secured link', () => {
  it('is made of single bytes as well, and knows both peers', async () => {
    const [left, right] = (await both(memoryStreamPair({ chunkBytes: 1 }))) as [MuxLink, MuxLink]
    expect([left.remote, right.remote]).toEqual([bob.id, alice.id])
    expect(left.handshakeHash).toEqual(right.handshakeHash)
  })

  it('says nothing readable on the wire after the handshake', async () => {
    const [near, far] = memoryStreamPair()
    const wire: Buffer[] = []
    for (const stream of [near, far]) {
      const write = stream.write.bind(stream)
      stream.write = (chunk) => {
        wire.push(Buffer.from(chunk))
        return write(chunk)
      }
    }
    await both([near, far])
    const all = Buffer.concat(wire)
    expect(all.includes('hearsay')).toBe(false)
    expect([alice, bob].some(({ publicKey }) => all.includes(Buffer.from(publicKey)))).toBe(false)
  })

  it('is refused across networks, with a code on both sides', async () => {
    const results = await both(memoryStreamPair(), {}, { network: 'other' })
    expect(results).toMatchObject([{ code: 'ERR_HANDSHAKE' }, { code: 'ERR_HANDSHAKE' }])
  })

  it('is refused to another peer than expected, with a code on both sides', async () => {
    const dialled = await both(memoryStreamPair(), { expected: eve.id })
    expect(dialled).toMatchObject([{ code: 'ERR_PEER_MISMATCH' }, { code: 'ERR_HANDSHAKE' }])
    const accepted = await both(memoryStreamPair(), {}, { expected: eve.id })
    expect(accepted).toMatchObject([{ code: 'ERR_HANDSHAKE' }, { code: 'ERR_PEER_MISMATCH' }])
  })

  it('is refused to ourselves, unless we were expected by nobody', async () => {
    const results = await both(memoryStreamPair(), {}, { identity: alice })
    expect(results).toMatchObject([{ code: 'ERR_SELF' }, { code: 'ERR_HANDSHAKE' }])
  })

  it('is given up in three seconds when the remote says nothing, or a byte a second', async () => {
    for (const drip of [false, true]) {
      const clock = virtualClock()
      const [near, far] = memoryStreamPair()
      const result = outcome(secureLink(near, side(false, { clock })))
      const gone = closed(far)
      far.on('data', () => {})
      for (let second = 0; second < 3; second++) {
        if (drip) far.write(Uint8Array.of(second === 0 ? 32 : 0))
        await clock.play(1_000)
      }
      expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE_TIMEOUT' })
      await gone
      expect(clock.pending).toBe(0)
    }
  })

  it('is given up when the hello does not come after the handshake', async () => {
    const clock = virtualClock()
    const [near, far] = memoryStreamPair()
    const result = outcome(secureLink(near, side(true, { clock })))
    const { secureStream } = await import('@hearsay/transport/noise')
    await secureStream(far, side(false, { clock }))
    await settle()
    await clock.play(3_000)
    expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE_TIMEOUT' })
  })

  it('ends when the stream is reset at each phase of the handshake, on either side', async () => {
    for (const victim of [0, 1]) {
      for (let writes = 0; writes < 6; writes++) {
        const pair = await socketPair()
        const dying = pair[victim] as (typeof pair)[0]
        let left = writes
        const write = dying.write.bind(dying)
        dying.write = ((chunk: Uint8Array) => {
          if (left-- === 0) dying.resetAndDestroy()
          return write(chunk)
        }) as typeof dying.write
        if (writes === 0) dying.resetAndDestroy()
        const results = await both(pair)
        for (const result of results) {
          if (result instanceof Error) expect(result).toMatchObject({ code: 'ERR_HANDSHAKE' })
          else await (result as MuxLink).close()
        }
        for (const socket of pair) socket.destroy()
      }
    }
  })

  it('uses fresh keys on every stream', async () => {
    const hashes = new Set<string>()
    for (let round = 0; round < 3; round++) {
      const [left] = (await both(memoryStreamPair())) as [MuxLink, MuxLink]
      hashes.add(Buffer.from(left.handshakeHash).toString('hex'))
      await left.close()
    }
    expect(hashes.size).toBe(3)
  })

  it('takes 10 MB each way at once, intact', async () => {
    const { a, b, close } = await fixture(await socketPair())
    const total = 10_000_000
    const sums = await Promise.all([a, b].map((link) => exchange(link, total)))
    expect(sums).toEqual([true, true])
    await close()
  }, 20_000)

  it('keeps little for a peer that stops reading, whatever is sent to it', async () => {
    const { a, b, close } = await fixture(await socketPair())
    b.on('channel', (name) => b.openChannel(name).setFlowing(false))
    // One for all: frames that were refused would count as memory until they are collected.
    const frame = new Uint8Array(10_000)
    const before = process.memoryUsage().arrayBuffers
    let sent = 0
    for (let index = 0; index < 4; index++) {
      const channel = a.openChannel({ protocol: 'stopped', id: Uint8Array.of(index) })
      await new Promise((resolve) => channel.on('open', resolve))
      for (let count = 0; count < 5_000; count++) if (channel.send(frame)) sent += frame.byteLength
    }
    expect(sent).toBeLessThan(4 * (262_144 + 10_000))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024 + sent * 2)
    await close()
  })

  it('dies of a flipped bit in any later frame, without taking the process along', async () => {
    const clock = systemClock()
    const [near, far] = memoryStreamPair()
    const [left, right] = (await both([near, far], { clock }, { clock })) as [MuxLink, MuxLink]
    const reason = new Promise((resolve) => right.on('close', resolve))
    const write = near.write.bind(near)
    near.write = (chunk) => write(chunk.map((byte, at) => (at === 10 ? byte ^ 1 : byte)))
    left.openChannel({ protocol: 'test' })
    expect(await reason).toMatchObject({ by: 'failure' })
  })
})
