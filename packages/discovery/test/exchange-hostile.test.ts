// What a peer that has proved the topic, and nothing else, can do to peer exchange.

import {
  type AddressRecord,
  createIdentity,
  createTopic,
  decodeAddressRecord,
  encodeAddressRecord,
  type PeerId,
  seededRandom,
  sodiumCrypto,
  TopicChannels,
} from '@hearsay/core'
import { memoryLinkPair, settle } from '@hearsay/core/memory'
import { describe, expect, test } from 'vitest'
import { peerExchange } from '../src/index.js'
import {
  createExchangeMachine,
  decodeExchangeFrame,
  type ExchangeFrame,
  type ExchangeOutput,
  encodeExchangeFrame,
} from '../src/machine.js'
import { ask, crypto, hello, identity, mutate, news, recordOf, tell } from './support/exchange-frames.js'
import { wishOf } from './support/wish.js'

/** One machine with `members` linked members, whose channels are 1000 and on; others come by hand. */
class Rig {
  now = 0
  linked = 0
  readonly outputs: ExchangeOutput[] = []
  readonly machine = createExchangeMachine({
    self: identity(0).id,
    random: seededRandom(1),
    crypto,
    recordOf: (peer) => this.records.get(peer) ?? null,
    linked: () => this.linked,
  })
  readonly records = new Map<PeerId, AddressRecord>()

  constructor(members = 0) {
    this.handle({ type: 'wish', wish: { lookup: true, tellable: true } })
    for (let n = 0; n < members; n++) {
      const { id } = identity(1_000 + n)
      this.records.set(id, recordOf(1_000 + n))
      this.up(1_000 + n, id)
    }
    this.outputs.length = 0
  }

  handle(input: Parameters<typeof this.machine.handle>[0]): ExchangeOutput[] {
    const outputs = this.machine.handle(input, this.now)
    this.outputs.push(...outputs)
    return outputs
  }

  up(handle: number, remote: PeerId): void {
    this.handle({ type: 'up', handle, remote })
    this.frame(handle, hello)
  }

  frame(handle: number, frame: Uint8Array): ExchangeOutput[] {
    return this.handle({ type: 'frame', handle, frame })
  }

  /** The codes with which the remote was blamed, and what was to end. */
  get blames(): readonly string[] {
    return this.outputs.flatMap((output) => (output.type === 'misbehaved' ? `${output.code} ${output.end}` : []))
  }

  get candidates(): readonly PeerId[] {
    return this.outputs.flatMap((output) => (output.type === 'candidate' ? output.peer : []))
  }

  framesTo(handle: number): readonly ExchangeFrame[] {
    return this.outputs.flatMap((output) =>
      output.type === 'send' && output.handle === handle ? decodeExchangeFrame(output.frame) : [],
    )
  }

  toldTo(handle: number): number {
    return this.framesTo(handle).reduce((sum, frame) => sum + (frame.type === 'tell' ? frame.records.length : 0), 0)
  }
}

describe('the machine', () => {
  test('raises nothing, whatever 20,000 frames in any order say', () => {
    const random = seededRandom(12)
    const rig = new Rig(4)
    const whole = [hello, ask, tell(1, 2, 3), news(4)]
    const open = Array.from({ length: 20 }, (_, n) => ({ handle: n, peer: identity(n + 1).id }))
    for (const { handle, peer } of open) rig.up(handle, peer)
    for (let n = 0; n < 20_000; n++) {
      const at = random.below(open.length)
      const { handle, peer } = open[at] ?? { handle: 0, peer: identity(1).id }
      const frame = whole[random.below(whole.length)] ?? hello
      const outputs = rig.frame(handle, random.below(2) === 0 ? frame : mutate(frame, random))
      if (n % 41 === 0) rig.handle({ type: 'wake' })
      if (n % 100 === 0) rig.now += random.below(200_000)
      if (!outputs.some(({ type }) => type === 'misbehaved') && random.below(500) > 0) continue
      rig.handle({ type: 'down', handle })
      open[at] = { handle: 10_000 + n, peer }
      if (random.below(10) > 0) rig.up(10_000 + n, peer)
      else rig.handle({ type: 'up', handle: 10_000 + n, remote: peer })
    }
    expect(new Set(rig.blames)).toEqual(
      new Set(['ERR_FRAME link', 'ERR_RECORD channel', 'ERR_RECORD link', 'ERR_FLOOD channel', 'ERR_FLOOD link']),
    )
  })

  test.each([
    [40, 16],
    [17, 16],
    [16, 15],
    [1, 0],
  ])('of %i members tells one of them that asks %i others, never itself', (members, expected) => {
    const rig = new Rig(members)
    rig.frame(1_000, ask)
    const told = rig.framesTo(1_000).flatMap((frame) => (frame.type === 'tell' ? frame.records : []))
    const peers = told.map((bytes) => decodeAddressRecord(bytes, crypto).peer)
    expect(new Set(peers).size).toBe(expected)
    expect(peers).not.toContain(identity(1_000).id)
  })

  test('tells an asker 16 at once and then one in ten seconds, also if it comes back', () => {
    const rig = new Rig(40)
    rig.up(1, identity(1).id)
    for (let second = 0; second < 600; second++) {
      rig.frame(1, ask)
      if (second % 100 === 99) {
        rig.handle({ type: 'down', handle: 1 })
        rig.up(1, identity(1).id)
      }
      rig.now += 1_000
    }
    expect(rig.toldTo(1)).toBeGreaterThan(16 + 50)
    expect(rig.toldTo(1)).toBeLessThanOrEqual(16 + 60)
    expect(rig.blames).toEqual([])
  })

  test('samples without bias', () => {
    const counts = new Map<string, number>()
    const rig = new Rig(32)
    for (let n = 0; n < 300; n++) {
      rig.outputs.length = 0
      const asker = 2_000 + n
      rig.up(asker, identity(asker).id)
      rig.frame(asker, ask)
      for (const frame of rig.framesTo(asker)) {
        if (frame.type !== 'tell') continue
        for (const bytes of frame.records) {
          const key = Buffer.from(bytes).toString('hex')
          counts.set(key, (counts.get(key) ?? 0) + 1)
        }
      }
      rig.handle({ type: 'down', handle: asker })
    }
    // Those that were linked until recently only fill up: 150 expected of each of the 32; five deviations are 43.
    expect(counts.size).toBe(32)
    for (const count of counts.values()) expect(Math.abs(count - 150)).toBeLessThan(43)
  })

  test('tells of who was linked until ten minutes ago if there are not enough, and then no more', () => {
    const rig = new Rig(3)
    rig.handle({ type: 'down', handle: 1_000 })
    rig.records.clear()
    rig.records.set(identity(1_001).id, recordOf(1_001))
    rig.up(1, identity(1).id)
    rig.frame(1, ask)
    expect(rig.toldTo(1)).toBe(2)
    rig.now = 600_000
    rig.up(2, identity(2).id)
    rig.frame(2, ask)
    expect(rig.toldTo(2)).toBe(1)
  })

  test('tells three others of a newcomer, once its record is known', () => {
    const rig = new Rig(10)
    rig.now = 1_000
    rig.handle({ type: 'wake' })
    rig.outputs.length = 0
    const { id } = identity(1)
    rig.up(1, id)
    const newsSent = (): number =>
      rig.outputs.filter((output) => output.type === 'send' && output.frame[0] === 3).length
    rig.now += 200
    rig.handle({ type: 'wake' })
    expect(newsSent()).toBe(0)
    rig.records.set(id, recordOf(1))
    rig.now += 2_000
    rig.handle({ type: 'wake' })
    expect(newsSent()).toBe(3)
  })

  test('tells nobody of a newcomer that has changed its mind', () => {
    const rig = new Rig(10)
    rig.now = 1_000
    rig.handle({ type: 'wake' })
    rig.outputs.length = 0
    rig.records.set(identity(1).id, recordOf(1))
    rig.up(1, identity(1).id)
    rig.frame(1, encodeExchangeFrame({ type: 'hello', tellable: false }))
    rig.now += 200
    rig.handle({ type: 'wake' })
    expect(rig.outputs.filter((output) => output.type === 'send' && output.frame[0] === 3)).toEqual([])
  })

  test('ends the channel of who tells what its peer did not sign, and the link if it does so again', () => {
    const rig = new Rig()
    const forged = encodeAddressRecord(recordOf(7))
    forged[forged.byteLength - 33] = (forged[forged.byteLength - 33] ?? 0) ^ 1
    rig.up(1, identity(1).id)
    const bad = encodeExchangeFrame({ type: 'tell', records: [encodeAddressRecord(recordOf(8)), forged] })
    rig.frame(1, bad)
    rig.frame(1, bad)
    expect(rig.blames).toEqual(['ERR_RECORD channel'])
    rig.handle({ type: 'down', handle: 1 })
    rig.up(2, identity(1).id)
    rig.frame(2, encodeExchangeFrame({ type: 'news', record: forged }))
    expect(rig.blames).toEqual(['ERR_RECORD channel', 'ERR_RECORD link'])
    expect(rig.candidates).toEqual([])
  })

  test('ends the channel of who answers what nobody asked', () => {
    const rig = new Rig()
    rig.up(1, identity(1).id)
    rig.frame(1, tell(2))
    rig.frame(1, tell(3))
    expect(rig.candidates).toEqual([identity(2).id])
    expect(rig.blames).toEqual(['ERR_FLOOD channel'])
  })

  test('takes two late answers to two asks', () => {
    const rig = new Rig()
    rig.up(1, identity(1).id)
    rig.now = 30_000
    rig.handle({ type: 'wake' })
    expect(rig.framesTo(1).filter(({ type }) => type === 'ask')).toHaveLength(2)
    rig.frame(1, tell(2))
    rig.frame(1, tell(3))
    expect(rig.candidates).toEqual([identity(2).id, identity(3).id])
    expect(rig.blames).toEqual([])
  })

  test('believes 16 news at once and then one in ten seconds, and calls it a flood beyond all measure', () => {
    const rig = new Rig()
    rig.up(1, identity(1).id)
    for (let n = 0; n < 60; n++) rig.frame(1, news(100 + n))
    expect(rig.candidates).toHaveLength(16)
    expect(rig.blames).toEqual([])
    rig.now = 100_000
    for (let n = 0; n < 60; n++) rig.frame(1, news(200 + n))
    expect(rig.candidates).toHaveLength(26)
    for (let n = 0; n < 10; n++) rig.frame(1, news(300 + n))
    expect(rig.blames).toEqual(['ERR_FLOOD channel'])
  })

  test('is never sent so many news that it would be ignored', () => {
    const rig = new Rig(1)
    for (let n = 0; n < 400; n++) {
      const { id } = identity(10_000 + n)
      rig.records.set(id, recordOf(10_000 + n))
      rig.up(n, id)
      rig.now += 1_000
      rig.handle({ type: 'wake' })
      rig.handle({ type: 'down', handle: n })
    }
    const sent = rig.framesTo(1_000).filter(({ type }) => type === 'news').length
    expect(sent).toBeGreaterThan(8)
    expect(sent).toBeLessThanOrEqual(8 + 20)
  })

  test('ends the link of who speaks before its hello', () => {
    const rig = new Rig()
    rig.handle({ type: 'up', handle: 1, remote: identity(1).id })
    rig.frame(1, ask)
    expect(rig.blames).toEqual(['ERR_FRAME link'])
  })

  test('yields the newest record of a peer, and neither itself nor who is linked', () => {
    const rig = new Rig(1)
    rig.up(1, identity(1).id)
    const records = [recordOf(5, 2), recordOf(5, 1), recordOf(0), recordOf(1_000)]
    rig.frame(1, encodeExchangeFrame({ type: 'tell', records: records.map(encodeAddressRecord) }))
    expect(rig.candidates).toEqual([identity(5).id])
  })

  test('asks nobody while the room has enough, and soon when it has not', () => {
    const rig = new Rig()
    rig.linked = 8
    rig.up(1, identity(1).id)
    const asked = (): number => rig.framesTo(1).filter(({ type }) => type === 'ask').length
    for (rig.now = 0; rig.now < 600_000; rig.now += 5_000) rig.handle({ type: 'wake' })
    expect(asked()).toBe(0)
    rig.linked = 2
    for (let n = 0; n < 5; n++, rig.now += 5_000) rig.handle({ type: 'wake' })
    expect(asked()).toBeGreaterThan(0)
  })

  test('remembers no more than 256 beside those that are linked', () => {
    const rig = new Rig(3)
    for (let n = 0; n < 1_000; n++) {
      rig.up(n, identity(20_000 + n).id)
      rig.handle({ type: 'down', handle: n })
    }
    expect(rig.machine.remembered).toBe(256 + 3)
  })
})

describe('a link', () => {
  const topic = createTopic('lobby')

  async function pair(frames: readonly Uint8Array[]) {
    const [one, other] = [createIdentity(), createIdentity()]
    const [there, back] = memoryLinkPair({ a: one.id, b: other.id })
    const codes: unknown[] = []
    const exchange = peerExchange({ recordOf: () => null, logger: ({ fields }) => codes.push(fields?.code) })
    exchange.join(topic, wishOf(null, { identity: one }))
    exchange.addLink(there)
    const ends: string[] = []
    back.once('close', ({ code }) => ends.push(code))
    let opened = 0
    const channels = new TopicChannels({
      topic,
      protocol: 'hearsay/exchange/1',
      crypto: sodiumCrypto(),
      handlers: {
        onUp: (_, { channel }) => {
          opened += 1
          for (const frame of frames) channel.send(frame)
        },
        onDown: () => ends.push('down'),
        onFrame: () => {},
        onDrain: () => {},
      },
    })
    channels.add(back)
    for (let turn = 0; turn < 20; turn++) await settle()
    await exchange.close()
    return { codes, ends, opened }
  }

  test('ends with a code when junk comes', async () => {
    expect(await pair([Uint8Array.of(9, 9, 9)])).toEqual({
      codes: ['ERR_FRAME'],
      ends: ['down', 'ERR_FRAME'],
      opened: 1,
    })
  })

  test('stays, without the channel, when an answer comes that nobody asked for', async () => {
    const { codes, ends } = await pair([hello, tell(), tell()])
    expect([codes, ends]).toEqual([['ERR_FLOOD'], ['down']])
  })
})
