// What every discovery promises. That something is not found is seen by finding what came after it.

import type { Address } from '../address.js'
import { parseAddress } from '../address.js'
import type { Candidate, Discovery, DiscoveryJoin, DiscoverySession } from '../contracts/discovery.js'
import { createIdentity, type Identity } from '../identity.js'
import { createTopic, type Topic } from '../topic.js'
import { attempt, type ConformanceCase, caseOf } from './case.js'

export interface DiscoveryFixture {
  /** Three nodes on one network that nobody else is on. */
  readonly nodes: readonly [Discovery, Discovery, Discovery]
  /** An address that a node of that number may announce. @default tcp://192.0.2.<n>:4000 */
  address?(n: number): Address
  close(): Promise<void>
}

/** One node's part in a case. */
interface Member {
  readonly identity: Identity
  readonly address: Address
  join(topic: Topic, what: { readonly announce: boolean; readonly lookup: boolean }): DiscoverySession
}

const BOTH = { announce: true, lookup: true }
const ONLY_ANNOUNCE = { announce: true, lookup: false }
const ONLY_LOOKUP = { announce: false, lookup: true }
const TOPIC = (): Topic => createTopic('conformance')

export const discoveryConformance: readonly ConformanceCase<DiscoveryFixture>[] = [
  caseOf('lets two nodes find each other, whoever came first', async (fixture, assert) => {
    const [a, b] = members(fixture)
    const [first, second] = [a.join(TOPIC(), BOTH), b.join(TOPIC(), BOTH)]
    assert.ok(await find(first, b), 'the first finds the second')
    assert.ok(await find(second, a), 'the second finds the first')
  }),

  caseOf('says who found the candidate, and who it is if it can prove that', async (fixture, assert) => {
    const [a, b] = members(fixture)
    const { name, capabilities } = fixture.nodes[0]
    b.join(TOPIC(), ONLY_ANNOUNCE)
    const candidate = await find(a.join(TOPIC(), ONLY_LOOKUP), b)
    assert.ok(/^[a-z][a-z0-9-]*$/.test(name), name)
    assert.equal([candidate.source, candidate.peer], [name, capabilities.identifies ? b.identity.id : null])
  }),

  caseOf('gives the addresses that the node has when it is found', async (fixture, assert) => {
    const [a, b] = members(fixture)
    b.join(TOPIC(), ONLY_ANNOUNCE)
    const candidate = await find(a.join(TOPIC(), ONLY_LOOKUP), b)
    // An address without a host is the peer's key once more, which who identifies it may always add.
    const addresses = candidate.addresses.filter(({ host, peer }) => host !== '' || peer !== b.identity.id)
    if (addresses.length > 0 || !fixture.nodes[0].capabilities.identifies) {
      assert.equal(addresses.map(placeOf), [placeOf(b.address)])
    }
  }),

  caseOf('does not find who does not announce', async (fixture, assert) => {
    const [a, silent, loud] = members(fixture)
    await silent.join(TOPIC(), ONLY_LOOKUP).flushed()
    loud.join(TOPIC(), ONLY_ANNOUNCE)
    assert.ok(!(await foundBefore(a.join(TOPIC(), ONLY_LOOKUP), loud)).some(isOf(silent)), 'the silent one was found')
  }),

  caseOf('finds nobody for who does not look', async (fixture, assert) => {
    const [a, b, c] = members(fixture)
    const session = a.join(TOPIC(), ONLY_ANNOUNCE)
    await b.join(TOPIC(), ONLY_ANNOUNCE).flushed()
    await find(c.join(TOPIC(), ONLY_LOOKUP), b)
    await session.leave()
    assert.equal(await allOf(session), [])
  }),

  caseOf('keeps topics apart', async (fixture, assert) => {
    const [a, other, same] = members(fixture)
    await other.join(createTopic('another'), BOTH).flushed()
    same.join(TOPIC(), ONLY_ANNOUNCE)
    assert.ok(!(await foundBefore(a.join(TOPIC(), ONLY_LOOKUP), same)).some(isOf(other)), 'another topic was found')
  }),

  caseOf('does not find the node itself', async (fixture, assert) => {
    const [a, b] = members(fixture)
    const session = a.join(TOPIC(), BOTH)
    await session.flushed()
    session.refresh()
    b.join(TOPIC(), ONLY_ANNOUNCE)
    assert.ok(!(await foundBefore(session, b)).some(isOf(a)), 'found itself')
  }),

  caseOf('finds somebody again when asked to look again', async (fixture, assert) => {
    const [a, b] = members(fixture)
    b.join(TOPIC(), ONLY_ANNOUNCE)
    const session = a.join(TOPIC(), ONLY_LOOKUP)
    await find(session, b)
    session.refresh()
    assert.ok(await find(session, b), 'again')
  }),

  caseOf('resolves flushed, also after leaving', async (fixture, assert) => {
    const [a] = members(fixture)
    const session = a.join(TOPIC(), BOTH)
    await session.flushed()
    await session.leave()
    assert.equal(await session.flushed(), undefined)
  }),

  caseOf('ends the iteration on leaving, also one that waits; twice is once', async (fixture, assert) => {
    const [a] = members(fixture)
    const session = a.join(TOPIC(), BOTH)
    const waiting = allOf(session)
    await Promise.all([session.leave(), session.leave()])
    assert.equal([await waiting, await allOf(session)], [[], []])
    session.refresh()
  }),

  caseOf('does not find who has left', async (fixture, assert) => {
    const [a, gone, loud] = members(fixture)
    const leaving = gone.join(TOPIC(), BOTH)
    await leaving.flushed()
    await leaving.leave()
    loud.join(TOPIC(), ONLY_ANNOUNCE)
    assert.ok(!(await foundBefore(a.join(TOPIC(), ONLY_LOOKUP), loud)).some(isOf(gone)), 'who left was found')
  }),

  caseOf('closes once, with its sessions, and then throws', async (fixture, assert) => {
    const [a] = members(fixture)
    const session = a.join(TOPIC(), BOTH)
    const waiting = allOf(session)
    await Promise.all([fixture.nodes[0].close(), fixture.nodes[0].close()])
    assert.equal(await waiting, [])
    await session.leave()
    await assert.rejects(
      attempt(() => a.join(TOPIC(), BOTH)),
      'ERR_CLOSED',
    )
  }),
]

function members(fixture: DiscoveryFixture): readonly [Member, Member, Member] {
  const [one, two, three] = fixture.nodes
  return [toMember(fixture, one, 1), toMember(fixture, two, 2), toMember(fixture, three, 3)]
}

function toMember(fixture: DiscoveryFixture, discovery: Discovery, n: number): Member {
  const identity = createIdentity()
  const address = fixture.address?.(n) ?? parseAddress(`tcp://192.0.2.${n}:4000`)
  const rest: Omit<DiscoveryJoin, 'announce' | 'lookup'> = {
    identity,
    port: address.port || null,
    addresses: () => [address],
    linked: () => 0,
  }
  return { identity, address, join: (topic, what) => discovery.join(topic, { ...what, ...rest }) }
}

/** What the session yields up to and with the member. */
async function foundBefore(session: DiscoverySession, member: Member): Promise<readonly Candidate[]> {
  const found: Candidate[] = []
  for await (const candidate of session) {
    found.push(candidate)
    if (isOf(member)(candidate)) return found
  }
  throw new Error('the session ended before')
}

async function find(session: DiscoverySession, member: Member): Promise<Candidate> {
  const candidate = (await foundBefore(session, member)).at(-1)
  if (!candidate) throw new Error('the session ended before')
  return candidate
}

function isOf({ identity, address }: Member): (candidate: Candidate) => boolean {
  return ({ peer, addresses }) =>
    peer === null ? addresses.some((other) => placeOf(other) === placeOf(address)) : peer === identity.id
}

function placeOf({ host, port }: Address): string {
  return `${host} ${port}`
}

async function allOf(session: DiscoverySession): Promise<Candidate[]> {
  const all: Candidate[] = []
  for await (const candidate of session) all.push(candidate)
  return all
}
