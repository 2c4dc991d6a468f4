// What every connector promises. Its limits and its patience are its own affair; the fixture knows how to let time pass.

import type { Connector } from '../contracts/connector.js'
import type { Candidate } from '../contracts/discovery.js'
import type { PeerId } from '../peer-id.js'
import { createTopic, type TopicId } from '../topic.js'
import { type Assert, type ConformanceCase, caseOf } from './case.js'

export interface ConnectorFixture {
  readonly connector: Connector
  /** Three candidates with known peers that answer. */
  readonly targets: readonly [Candidate, Candidate, Candidate]
  /** A candidate that never answers. */
  readonly dead: Candidate
  /** Makes a candidate known for the topic, as discovery would. */
  offer(candidate: Candidate, topic: TopicId): void
  /** The peers linked now. */
  linked(): readonly PeerId[]
  /** The peers dialled so far, in order. */
  dialled(): readonly (PeerId | null)[]
  /** Resolves when everything that was asked for has happened, grace times included. */
  settle(): Promise<void>
  close(): Promise<void>
}

const TOPIC = (): TopicId => createTopic('conformance').id
const OTHER = (): TopicId => createTopic('another').id

export const connectorConformance: readonly ConformanceCase<ConnectorFixture>[] = [
  caseOf('links to who is wanted, and to nobody else', async (fixture, assert) => {
    fixture.offer(fixture.targets[1], TOPIC())
    fixture.connector.want(fixture.targets[0], { topic: TOPIC() })
    await linksTo(fixture, [0], assert)
  }),

  caseOf('makes one link, however often and for however many topics it is wanted', async (fixture, assert) => {
    for (const topic of [TOPIC(), TOPIC(), OTHER()]) fixture.connector.want(fixture.targets[0], { topic })
    await fixture.settle()
    fixture.connector.want(fixture.targets[0], { topic: TOPIC() })
    await linksTo(fixture, [0], assert)
    assert.equal(fixture.dialled().length, 1)
  }),

  caseOf('dials the most urgent first', async (fixture, assert) => {
    const [low, high, middle] = fixture.targets
    fixture.connector.want(low, { topic: TOPIC() })
    fixture.connector.want(high, { topic: TOPIC(), priority: 5 })
    fixture.connector.want(middle, { topic: TOPIC(), priority: 3 })
    await fixture.settle()
    assert.equal(fixture.dialled(), [high.peer, middle.peer, low.peer])
  }),

  caseOf('survives a candidate that does not answer, and links to the others', async (fixture, assert) => {
    fixture.connector.want(fixture.dead, { topic: TOPIC(), priority: 9 })
    fixture.connector.want({ peer: null, addresses: [], source: 'conformance' }, { topic: TOPIC() })
    fixture.connector.want(fixture.targets[1], { topic: TOPIC() })
    await linksTo(fixture, [1], assert)
  }),

  caseOf('closes a link that no topic needs any more', async (fixture, assert) => {
    const [target, other] = fixture.targets
    fixture.connector.want(target, { topic: TOPIC() })
    fixture.connector.want(other, { topic: TOPIC() })
    await linksTo(fixture, [0, 1], assert)
    release(fixture, target, TOPIC())
    await linksTo(fixture, [1], assert)
  }),

  caseOf('keeps a link while another topic needs it', async (fixture, assert) => {
    const [target] = fixture.targets
    for (const topic of [TOPIC(), OTHER()]) fixture.connector.want(target, { topic })
    await fixture.settle()
    release(fixture, target, TOPIC())
    release(fixture, target, TOPIC())
    await linksTo(fixture, [0], assert)
    release(fixture, target, OTHER())
    await linksTo(fixture, [], assert)
  }),

  caseOf('does not dial who was let go of before', async (fixture, assert) => {
    const [target] = fixture.targets
    fixture.connector.want(target, { topic: TOPIC() })
    release(fixture, target, TOPIC())
    await linksTo(fixture, [], assert)
  }),

  caseOf('links again to who is wanted again', async (fixture, assert) => {
    const [target] = fixture.targets
    fixture.connector.want(target, { topic: TOPIC() })
    await fixture.settle()
    release(fixture, target, TOPIC())
    await fixture.settle()
    fixture.connector.want(target, { topic: TOPIC() })
    await linksTo(fixture, [0], assert)
  }),

  caseOf('does not mind letting go of a stranger', async (fixture, assert) => {
    const [target, stranger] = fixture.targets
    release(fixture, stranger, TOPIC())
    fixture.connector.want(target, { topic: TOPIC() })
    await linksTo(fixture, [0], assert)
  }),

  caseOf('lists candidates of the topic that are not linked, at most so many', async (fixture, assert) => {
    const { connector, targets } = fixture
    for (const target of targets) fixture.offer(target, TOPIC())
    fixture.offer(targets[0], TOPIC())
    const peers = (n: number, topic = TOPIC()): unknown => connector.candidates(topic, n).map(({ peer }) => peer)
    const all = targets.map(({ peer }) => peer).sort()
    assert.equal([...(peers(10) as string[])].sort(), all)
    assert.equal([connector.candidates(TOPIC(), 2).length, connector.candidates(TOPIC(), 0).length], [2, 0])
    assert.equal(peers(10, OTHER()), [])
    connector.want(targets[1], { topic: TOPIC() })
    await linksTo(fixture, [1], assert)
    assert.equal(
      [...(peers(10) as string[])].sort(),
      all.filter((peer) => peer !== targets[1].peer),
    )
  }),
]

async function linksTo(fixture: ConnectorFixture, numbers: readonly number[], assert: Assert): Promise<void> {
  await fixture.settle()
  const expected = numbers.map((number) => fixture.targets[number]?.peer)
  assert.equal([...fixture.linked()].sort(), expected.sort())
}

function release({ connector }: ConnectorFixture, { peer }: Candidate, topic: TopicId): void {
  if (peer !== null) connector.release(peer, topic)
}
