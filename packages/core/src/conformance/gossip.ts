// What every gossip engine promises, on small networks. That something does not come twice, or not back, is seen by
// waiting for what was sent after it.

import { copyBytes } from '../bytes.js'
import type { Delivery, Gossip, GossipEvents } from '../contracts/gossip.js'
import { bytesOf } from './bytes.js'
import { type ConformanceCase, caseOf } from './case.js'
import { Collected, nextEvent } from './events.js'
import { allOf } from './store-records.js'

export interface GossipFixture {
  /** Nodes of one topic that are not linked. */
  create(nodes: number): Promise<readonly Gossip[]>
  /** Links two of them; resolves when the topic's channel is open on both sides. */
  link(a: Gossip, b: Gossip): Promise<void>
  /** The largest payload that `publish` takes. @default 4 MiB */
  readonly maxMessageBytes?: number
  close(): Promise<void>
}

const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024

export const gossipConformance: readonly ConformanceCase<GossipFixture>[] = [
  caseOf('delivers to a neighbour what was published, with its place and time', async (fixture, assert) => {
    const [a, b] = await line(fixture, 2)
    const receipt = await a.gossip.publish(bytesOf(10))
    const [delivery] = await b.deliveries.count(1)
    if (!delivery) throw new Error('counted')
    const { author, epoch, seq, payload, hops, via } = delivery
    assert.equal([author, epoch, seq], [receipt.author, receipt.epoch, receipt.seq])
    assert.equal([[...payload], hops, via], [[...bytesOf(10)], 1, author])
    assert.ok(Number.isSafeInteger(delivery.time) && Number.isSafeInteger(delivery.receivedAt), 'times')
  }),

  caseOf('delivers through a node in the middle, under the author’s name', async (fixture, assert) => {
    const [a, b, c] = await line(fixture, 3)
    const { author } = await a.gossip.publish(bytesOf(10))
    const middle = await b.gossip.publish(bytesOf(11))
    const [first, second] = [...(await c.deliveries.count(2))].sort((x, y) => y.hops - x.hops)
    assert.equal([first?.author, first?.hops, first?.via], [author, 2, middle.author])
    assert.equal([second?.author, second?.hops], [middle.author, 1])
  }),

  caseOf('delivers once to each node of a loop', async (fixture, assert) => {
    const nodes = await line(fixture, 4)
    await fixture.link(nodes[3].gossip, nodes[0].gossip)
    for (const round of [1, 2, 3]) {
      for (const { gossip } of nodes) await gossip.publish(bytesOf(round))
    }
    for (const { deliveries } of nodes) {
      const places = (await deliveries.count(9)).map(({ author, seq }) => `${author} ${seq}`)
      assert.equal([places.length, new Set(places).size], [9, 9])
    }
  }),

  caseOf('does not deliver to the author', async (fixture, assert) => {
    const [a, b] = await line(fixture, 2)
    await a.gossip.publish(bytesOf(1))
    await b.deliveries.count(1)
    const { author } = await b.gossip.publish(bytesOf(2))
    assert.equal(
      (await a.deliveries.count(1)).map((delivery) => delivery.author),
      [author],
    )
  }),

  caseOf('delivers what was published before there was a link', async (fixture, assert) => {
    const [a, b] = await nodesOf(fixture, 2)
    const receipt = await a.gossip.publish(bytesOf(5))
    assert.equal(receipt.peers, 0)
    await fixture.link(a.gossip, b.gossip)
    const [delivery] = await b.deliveries.count(1)
    assert.equal([delivery?.seq, [...(delivery?.payload ?? [])]], [receipt.seq, [...bytesOf(5)]])
  }),

  caseOf('delivers in the order of each author', async (fixture, assert) => {
    const nodes = await line(fixture, 3)
    const publishing = nodes.flatMap(({ gossip }) =>
      Array.from({ length: 30 }, (_, index) => gossip.publish(Uint8Array.of(index))),
    )
    const receipts = await Promise.all(publishing)
    const expected = Array.from({ length: 30 }, (_, index) => index)
    for (const { deliveries } of nodes) {
      const all = await deliveries.count(60)
      for (const author of new Set(all.map((delivery) => delivery.author))) {
        const own = all.filter((delivery) => delivery.author === author)
        assert.equal(
          own.map(({ payload }) => payload[0]),
          expected,
        )
      }
    }
    const seqs = receipts.slice(0, 30).map(({ seq }) => seq)
    assert.equal(
      seqs,
      expected.map((index) => index + (seqs[0] ?? 0)),
    )
  }),

  caseOf('confirms when so many peers have it', async (fixture, assert) => {
    const [a, b, c] = await nodesOf(fixture, 3)
    const early = await a.gossip.publish(bytesOf(3))
    let confirmed = false
    const confirming = early.confirmed(1).then(() => {
      confirmed = true
    })
    assert.equal(confirmed, false)
    await fixture.link(a.gossip, b.gossip)
    await confirming
    assert.equal(b.deliveries.values.length, 1)
    await fixture.link(a.gossip, c.gossip)
    const receipt = await a.gossip.publish(bytesOf(4))
    await receipt.confirmed(2)
    for (const { deliveries } of [b, c]) assert.equal(deliveries.values.at(-1)?.seq, receipt.seq)
  }),

  caseOf('stops waiting for confirmation when the signal fires or the room closes', async (fixture, assert) => {
    const [a] = await nodesOf(fixture, 1)
    const receipt = await a.gossip.publish(bytesOf(3))
    await assert.rejects(receipt.confirmed(1, { signal: AbortSignal.abort() }), 'ERR_ABORTED')
    const confirming = assert.rejects(receipt.confirmed(1), 'ERR_CLOSED')
    await a.gossip.close()
    await confirming
  }),

  caseOf('tells that it has published, and not that others have', async (fixture, assert) => {
    const [a, b] = await line(fixture, 2)
    let told = 0
    b.gossip.on('published', () => told++)
    const published = nextEvent<GossipEvents, 'published'>(a.gossip, 'published')
    await a.gossip.publish(bytesOf(3))
    await published
    await b.deliveries.count(1)
    assert.equal(told, 0)
  }),

  caseOf('takes its own copy of what is published', async (fixture, assert) => {
    const [a, b] = await line(fixture, 2)
    // A Buffer where there is one: its `slice` does not copy.
    const payload = typeof Buffer === 'undefined' ? Uint8Array.of(1, 2, 3) : Buffer.from([1, 2, 3])
    const publishing = a.gossip.publish(payload)
    payload.fill(9)
    await publishing
    assert.equal([...((await b.deliveries.count(1))[0]?.payload ?? [])], [1, 2, 3])
  }),

  caseOf('carries an empty payload and one of the limit, and rejects one byte more', async (fixture, assert) => {
    const [a, b] = await line(fixture, 2)
    const limit = fixture.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES
    await assert.rejects(a.gossip.publish(new Uint8Array(limit + 1)), 'ERR_MESSAGE_SIZE')
    await a.gossip.publish(new Uint8Array())
    await a.gossip.publish(new Uint8Array(limit))
    const sizes = (await b.deliveries.count(2)).map(({ payload }) => payload.byteLength)
    assert.equal(sizes, [0, limit])
  }),

  caseOf('publishes nothing when the signal has fired', async (fixture, assert) => {
    const [a, b] = await line(fixture, 2)
    await assert.rejects(a.gossip.publish(bytesOf(1), { signal: AbortSignal.abort() }), 'ERR_ABORTED')
    await a.gossip.publish(bytesOf(2))
    assert.equal([...((await b.deliveries.count(1))[0]?.payload ?? [])], [...bytesOf(2)])
  }),

  caseOf('remembers own and others’ messages, by author in order', async (fixture, assert) => {
    const [a, b] = await line(fixture, 2)
    const own = [await a.gossip.publish(bytesOf(1)), await a.gossip.publish(bytesOf(2))]
    const { author } = await b.gossip.publish(bytesOf(3))
    await a.deliveries.count(1)
    const seqsOf = async (id: typeof author, range = {}): Promise<unknown> =>
      (await allOf(a.gossip.history({ author: id, ...range }))).map(({ seq, payload }) => [seq, payload.byteLength])
    const [first, second] = own.map(({ seq }) => seq) as [number, number]
    const ownId = own[0]?.author ?? author
    assert.equal((await allOf(a.gossip.history())).length, 3)
    assert.equal(await seqsOf(ownId), [
      [first, 1],
      [second, 2],
    ])
    assert.equal(await seqsOf(ownId, { from: second, to: second + 1 }), [[second, 2]])
    assert.equal(((await seqsOf(author)) as unknown[]).length, 1)
  }),

  caseOf('lists its neighbours, and says when one goes', async (fixture, assert) => {
    const [a, b] = await line(fixture, 2)
    const [[peer, link] = []] = [...a.gossip.peers]
    assert.ok(peer !== undefined && link?.remote === peer && a.gossip.peers.size === 1, 'one neighbour')
    const left = nextEvent<GossipEvents, 'peer-leave'>(a.gossip, 'peer-leave')
    await b.gossip.close()
    assert.equal([(await left)[0], a.gossip.peers.size], [peer, 0])
  }),

  caseOf('takes a link away when it is told to, and both sides notice', async (fixture, assert) => {
    const [a, b] = await line(fixture, 2)
    const [[peer, link] = []] = [...a.gossip.peers]
    if (!link) throw new Error('no neighbour')
    const left = [a, b].map(({ gossip }) => nextEvent<GossipEvents, 'peer-leave'>(gossip, 'peer-leave'))
    a.gossip.removeLink(link)
    const [[gone] = []] = await Promise.all(left)
    assert.equal([gone, a.gossip.peers.size, b.gossip.peers.size], [peer, 0, 0])
  }),

  caseOf('closes once, and then rejects to publish', async (fixture, assert) => {
    const [a] = await line(fixture, 2)
    await Promise.all([a.gossip.close(), a.gossip.close()])
    await a.gossip.close()
    await assert.rejects(a.gossip.publish(bytesOf(1)), 'ERR_CLOSED')
  }),
]

interface Node {
  readonly gossip: Gossip
  readonly deliveries: Collected<Delivery>
}

type Nodes = readonly [Node, Node, Node, Node]

/** As many as asked for; the type only spares the cases their checks. */
async function nodesOf(fixture: GossipFixture, count: number): Promise<Nodes> {
  const nodes = (await fixture.create(count)).map((gossip) => {
    const deliveries = new Collected<Delivery>()
    gossip.on('delivery', (delivery) => deliveries.add({ ...delivery, payload: copyBytes(delivery.payload) }))
    return { gossip, deliveries }
  })
  return nodes as unknown as Nodes
}

/** Nodes of which each is linked to the next. */
async function line(fixture: GossipFixture, count: number): Promise<Nodes> {
  const nodes = await nodesOf(fixture, count)
  for (let at = 1; at < count; at++) {
    const [before, after] = [nodes[at - 1], nodes[at]]
    if (before && after) await fixture.link(before.gossip, after.gossip)
  }
  return nodes
}
