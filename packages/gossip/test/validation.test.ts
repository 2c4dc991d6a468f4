// The application's word on messages, before anybody else hears of them.

import type { Drop, Gossip } from '@hearsay/core'
import { settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { createGossip, type GossipOptions, type Verdict } from '../src/index.js'
import { MAX_JUDGED, MUTE_AFTER, MUTE_MS } from '../src/machine/judgement.js'
import {
  at,
  bytes,
  createNode,
  ENGINES,
  createNetwork as join,
  linkNodes,
  type TestNetwork,
  type TestNode,
  textOf,
} from './network.js'

describe.each(ENGINES)('%s', (_name, engine) => {
  let network: TestNetwork
  const made: TestNode[] = []
  afterEach(async () => {
    for (const { gossip } of made.splice(0)) await gossip.close()
    await network.close()
  })

  /** Author, judge and listener in a line. */
  async function line(
    options: Partial<GossipOptions>,
  ): Promise<{ author: TestNode; judge: TestNode; listener: TestNode }> {
    network = join(0, engine())
    const { topic, clock } = network
    const nodeOf = (seed: number, more = {}): TestNode =>
      createNode({ topic, clock, seed, epoch: 1, engine: engine(), more })
    const [author, judge, listener] = [nodeOf(10), nodeOf(11, options), nodeOf(12)]
    made.push(author, judge, listener)
    await linkNodes(author, judge)
    await linkNodes(judge, listener)
    return { author, judge, listener }
  }

  async function say(node: TestNode, ...texts: string[]): Promise<void> {
    for (const text of texts) {
      await node.gossip.publish(bytes(text))
      await settle()
    }
  }

  function drops(gossip: Gossip): Drop[] {
    const list: Drop[] = []
    gossip.on('drop', (drop) => list.push(drop))
    return list
  }

  describe('a message that the application', () => {
    it.each<[Verdict | boolean, string, string | undefined]>([
      ['accept', 'one bad two', undefined],
      [true, 'one bad two', undefined],
      ['ignore', 'one two', 'ignored'],
      ['reject', 'one two', 'rejected'],
      [false, 'one two', 'rejected'],
    ])(
      'answers with %j is heard here and beyond as %j, and told as dropped if it is not',
      async (verdict, all, reason) => {
        const validate: GossipOptions['validate'] = ({ payload }) =>
          new TextDecoder().decode(payload) === 'bad' ? verdict : 'accept'
        const { author, judge, listener } = await line({ validate })
        const gaps: unknown[] = []
        judge.gossip.on('gap', (gap) => gaps.push(gap))
        const dropped = drops(judge.gossip)
        await say(author, 'one', 'bad', 'two')
        network.clock.advance(500)
        await settle()
        expect(judge.heard.map(textOf).join(' ')).toBe(all)
        expect(dropped.map(({ from, to, reason: why }) => [from, to, why])).toEqual(reason ? [[1, 2, reason]] : [])
        expect(gaps).toEqual([])
        expect(judge.gossip.peers.size).toBe(2)
        // The listener has no other way to it: for it, it is a hole that nobody fills.
        network.clock.advance(2_000)
        await settle()
        expect(listener.heard.map(textOf).join(' ')).toBe(all)
      },
    )

    it('is still asked about holds back what its author said after it, and nobody else', async () => {
      const answers = new Map<string, (verdict: Verdict) => void>()
      const validate: GossipOptions['validate'] = ({ payload }) =>
        new Promise((resolve) => answers.set(new TextDecoder().decode(payload), resolve))
      const { author, judge, listener } = await line({ validate })
      await say(author, 'one', 'two')
      await say(listener, 'other')
      answers.get('two')?.('accept')
      answers.get('other')?.('accept')
      await settle()
      expect(judge.heard.map(textOf)).toEqual(['other'])
      answers.get('one')?.('accept')
      await settle()
      expect(judge.heard.map(textOf)).toEqual(['other', 'one', 'two'])
      expect(answers.size).toBe(3)
    })

    it('cannot be asked about, because the validator throws, is ignored with a warning', async () => {
      const { author, judge } = await line({
        validate: ({ seq }) => {
          if (seq === 0) throw new Error('broken')
          return seq === 1 ? Promise.reject(new Error('broken too')) : true
        },
      })
      const warnings: string[] = []
      judge.gossip.on('warning', ({ message }) => warnings.push(message))
      await say(author, 'one', 'two', 'three')
      expect(judge.heard.map(textOf)).toEqual(['three'])
      expect(warnings).toEqual(['broken', 'broken too'])
    })
  })

  it('asks about each record once, however many copies come, and not about own ones', async () => {
    const asked: string[] = []
    const { author, judge, listener } = await line({
      validate: ({ payload }) => asked.push(new TextDecoder().decode(payload)) > 0,
    })

    await linkNodes(author, listener)
    await say(author, 'one', 'two')
    await say(judge, 'own')
    expect(asked).toEqual(['one', 'two'])
  })

  it(`asks nothing about an author for a minute of whom it rejected ${MUTE_AFTER}`, async () => {
    const asked: number[] = []
    const { author, judge } = await line({ validate: ({ seq }) => asked.push(seq) > 0 && seq > MUTE_AFTER + 1 })
    const texts = Array.from({ length: MUTE_AFTER + 2 }, (_, index) => String(index))
    await say(author, ...texts)
    expect(asked).toEqual(texts.slice(0, MUTE_AFTER).map(Number))
    network.clock.advance(MUTE_MS)
    await settle()
    await say(author, 'later')
    expect(judge.heard.map(textOf)).toEqual(['later'])
    expect(judge.gossip.peers.size).toBe(2)
  })

  it(`ignores and tells what comes while ${MAX_JUDGED} records wait for a verdict`, async () => {
    const { author, judge } = await line({
      validate: () => new Promise<Verdict>(() => {}),
      limits: { maxHeld: 10_000 },
    })
    const dropped = drops(judge.gossip)
    for (let index = 0; index < MAX_JUDGED + 2; index++) {
      void author.gossip.publish(new Uint8Array(9_000)).catch(() => {})
      if (index % 8 === 7) await settle()
    }
    await settle()
    expect(dropped.every(({ reason }) => reason === 'ignored')).toBe(true)
    expect(dropped.length).toBeGreaterThanOrEqual(2)
  })
})

describe('a room with members', () => {
  let network: TestNetwork
  afterEach(() => network.close())

  it('takes and passes on what they say, and nothing of others', async () => {
    network = join(3)
    const [insider, outsider, guest] = network.nodes as [TestNode, TestNode, TestNode]
    const { topic, clock } = network
    const members = [insider.identity.id]
    const room = createNode({ topic, clock, seed: 50, epoch: 1, more: { members } })
    const dropped: Drop[] = []
    room.gossip.on('drop', (drop) => dropped.push(drop))
    for (const node of network.nodes) await linkNodes(node, room)
    await insider.gossip.publish(bytes('in'))
    await guest.gossip.publish(bytes('out'))
    await settle()
    for (const { heard } of [room, outsider]) expect(heard.map(textOf)).toEqual(['in'])
    expect(dropped.map(({ author: by, reason }) => [by, reason])).toEqual([[guest.identity.id, 'members']])
    expect(room.gossip.peers.size).toBe(3)
    await room.gossip.close()
  })

  it('is only listened to by one who is none: publishing is refused with a code', async () => {
    network = join(1)
    const { topic, clock } = network
    const { identity } = at(network.nodes, 0)
    const room = createGossip({ topic, author: identity, epoch: 5, clock, members: [] })
    await expect(room.publish(bytes('x'))).rejects.toMatchObject({ code: 'ERR_MEMBERS' })
    await room.close()
  })
})

describe('a validator', () => {
  const judgedBy = async (validate: GossipOptions['validate']) => {
    const network = join(0)
    const { topic, clock } = network
    const [author, judge] = [1, 2].map((seed) =>
      createNode({ topic, clock, seed, epoch: 1, more: seed === 2 && validate ? { validate } : {} }),
    ) as [TestNode, TestNode]
    const warnings: Error[] = []
    judge.gossip.on('warning', (error) => warnings.push(error))
    await linkNodes(author, judge)
    const close = async (): Promise<void> => {
      await Promise.all([author.gossip.close(), judge.gossip.close()])
      expect(clock.pending).toBe(0)
    }
    return { author, judge, clock, warnings, close }
  }

  it('may answer with a promise of its own kind', async () => {
    // biome-ignore lint/suspicious/noThenProperty: that is what is tested
    const thenable = { then: (take: (verdict: Verdict) => void) => take('accept') } as unknown as Promise<Verdict>
    const { author, judge, close } = await judgedBy(() => thenable)
    await author.gossip.publish(bytes('one'))
    await settle()
    expect(judge.heard.map(textOf)).toEqual(['one'])
    await close()
  })

  it('that gives no verdict in half a minute ignores the message, is told of, and the room goes on', async () => {
    let late: (verdict: Verdict) => void = () => {}
    const { author, judge, clock, warnings, close } = await judgedBy(({ payload }) =>
      payload.byteLength === 3 ? new Promise((resolve) => (late = resolve)) : 'accept',
    )
    const dropped: unknown[] = []
    judge.gossip.on('drop', ({ reason }) => dropped.push(reason))
    for (const text of ['bad', 'good']) await author.gossip.publish(bytes(text))
    await clock.play(29_999)
    expect([judge.heard, warnings]).toEqual([[], []])
    await clock.play(1)
    expect([judge.heard.map(textOf), dropped]).toEqual([['good'], ['ignored']])
    expect(warnings).toMatchObject([{ code: 'ERR_VERDICT' }])
    late('accept')
    await settle()
    expect(judge.heard.map(textOf)).toEqual(['good'])
    await author.gossip.publish(bytes('bad'))
    await settle()
    await close()
  })
})
