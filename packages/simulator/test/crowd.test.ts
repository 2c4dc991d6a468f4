// What a crowd of nodes does with what it hears of each other: a single seed grows into a network, and a liar's word does
// not make it a weapon.

import { createAddressRecord, createIdentity, encodeAddressRecord, type PeerId, parseAddress } from '@hearsay/core'
import { encodeExchangeFrame, MAX_TOLD_RECORDS } from '@hearsay/discovery/machine'
import { describe, expect, it } from 'vitest'
import { Crowd, type CrowdMember } from '../src/crowd.js'

const SECOND = 1_000
const MINUTE = 60 * SECOND

const seeds = (member: CrowdMember): readonly [CrowdMember['address']] => [member.address]

describe.each([1, 2, 3])('fifty nodes that know one address each (seed %i)', (seed) => {
  it('have five links each within two seconds, keep them when the seed is killed, and take a newcomer in in one', () => {
    const crowd = new Crowd({ seed })
    const first = crowd.add()
    const others = Array.from({ length: 50 }, () => crowd.add())
    for (const member of others) crowd.tell(member, { addresses: seeds(first), source: 'seeds', persistent: true })
    crowd.run(2 * SECOND)
    expect(Math.min(...others.map(({ links }) => links.size))).toBeGreaterThanOrEqual(5)
    crowd.kill(first)
    crowd.run(10 * SECOND)
    expect(Math.min(...others.map(({ links }) => links.size))).toBeGreaterThanOrEqual(5)
    const newcomer = crowd.add()
    const known = others[crowd.random.below(50)] as CrowdMember
    crowd.tell(newcomer, { addresses: seeds(known), source: 'seeds', persistent: true })
    crowd.run(SECOND)
    expect(newcomer.links.size).toBeGreaterThanOrEqual(5)
  })
})

describe('a crowd that knows its neighbours in a chain', () => {
  it('grows into a network in which everybody has five links', () => {
    const crowd = new Crowd({ seed: 4 })
    const members = Array.from({ length: 50 }, () => crowd.add())
    for (const [index, member] of members.entries()) {
      const next = members[(index + 1) % members.length] as CrowdMember
      crowd.tell(member, { addresses: seeds(next), source: 'seeds', persistent: true })
    }
    crowd.run(10 * SECOND)
    expect(Math.min(...members.map(({ links }) => links.size))).toBeGreaterThanOrEqual(5)
  })
})

describe('attackers that name one victim', () => {
  const NODES = Number(process.env.HEARSAY_CROWD ?? 40)
  const MINUTES = 75
  const VICTIM = '198.51.100.7'

  it(
    `make ${NODES} honest nodes dial it once in ten minutes, three times in an hour, and nobody tells of it`,
    () => {
      const retold: string[] = []
      const liars = new Set<PeerId>()
      const crowd = new Crowd({
        seed: 5,
        limits: { maxTargets: 128 },
        onTold: ({ by, record }) => {
          if (liars.has(by.id)) return
          retold.push(...record.addresses.map(({ host }) => host).filter((host) => host === VICTIM))
        },
      })
      const honest = Array.from({ length: NODES }, () => crowd.add())
      for (const [index, member] of honest.entries()) {
        const next = honest[(index + 1) % NODES] as CrowdMember
        crowd.tell(member, { addresses: seeds(next), source: 'found' })
      }
      // They say in their hello that they are the victim, on another port each.
      const liarOnes = Array.from({ length: 20 }, (_, index) =>
        crowd.add(`tcp://203.0.113.${index + 1}:4000`, [`tcp://${VICTIM}:${2_000 + index}`]),
      )
      for (const liar of liarOnes) {
        liars.add(liar.id)
        for (let link = 0; link < 12; link++) {
          const target = honest[crowd.random.below(NODES)] as CrowdMember
          crowd.tell(liar, { addresses: seeds(target), source: 'found' })
        }
      }
      let port = 0
      const nextPort = (): number => (port = (port + 7) % 65_536)
      const named = (): string[] => [
        `tcp://${VICTIM}:${nextPort() || 1}`,
        `tcp://${VICTIM}:${nextPort() % 1_024 || 22}`,
        `tcp://0.0.0.0:${nextPort() || 1}`,
        `tcp://224.0.0.251:${nextPort() || 1}`,
        `tcp://10.9.9.9:${nextPort() || 1}`,
      ]
      for (let minute = 0; minute < MINUTES; minute++) {
        for (const member of honest) {
          const addresses = named().map((text) => parseAddress(text))
          const { id } = createIdentity({ seed: crowd.random.bytes(32) })
          crowd.tell(member, { peer: id, addresses, source: 'hyperdht' })
          crowd.tell(member, { addresses: [parseAddress(`tcp://${VICTIM}:${nextPort() || 1}`)], source: 'mdns' })
        }
        for (const liar of liarOnes) {
          const frame = lie(crowd, named())
          // Who is lied to more than once ends the link: others are next.
          for (const peer of [...liar.links.keys()].slice(0, 8)) liar.say(peer, frame)
        }
        crowd.run(MINUTE)
      }
      const times = new Map<CrowdMember, number[]>()
      for (const { by, at, address } of crowd.dials) {
        if (liars.has(by.id)) continue
        expect(['0.0.0.0', '224.0.0.251', '10.9.9.9']).not.toContain(address.host)
        if (address.host !== VICTIM) continue
        expect(address.port).toBeGreaterThanOrEqual(1_024)
        times.set(by, [...(times.get(by) ?? []), at])
      }
      for (const dials of times.values()) {
        for (const [index, at] of dials.entries()) {
          expect(at - (dials[index - 1] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(10 * MINUTE)
          expect(at - (dials[index - 3] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(60 * MINUTE)
        }
      }
      // The test would notice if nobody were told of the victim at all. Who has all its links dials nobody.
      expect(times.size).toBeGreaterThan(NODES / 4)
      expect(retold).toEqual([])
      // And the lie costs the network nothing: everybody is still linked to honest ones.
      for (const member of honest) {
        expect([...member.links.keys()].filter((peer) => !liars.has(peer)).length).toBeGreaterThanOrEqual(3)
      }
    },
    60_000 + NODES * 1_500,
  )
})

/** As many records, signed by keys made for it, as one frame takes. */
function lie(crowd: Crowd, addresses: readonly string[]): Uint8Array {
  const records = Array.from({ length: Math.min(2, MAX_TOLD_RECORDS) }, () => {
    const identity = createIdentity({ seed: crowd.random.bytes(32) })
    const said = addresses.map((text) => parseAddress(text))
    return encodeAddressRecord(createAddressRecord(identity, { seq: 1, addresses: said }))
  })
  return crowd.random.below(2) === 0
    ? encodeExchangeFrame({ type: 'tell', records })
    : encodeExchangeFrame({ type: 'news', record: records[0] as Uint8Array })
}
