// A room that starts among Sybils: liars with names of their own, in the same networks, who are found as easily as the honest
// ones, take links, swap neighbours and answer politely, and pass on nothing, or only what some authors say. Membership and
// gossip run together, so that what counts is what is delivered.
//
// `HEARSAY_COLD_BOOTS` is how many seeds are run, from `HEARSAY_COLD_BOOT_FIRST_SEED`, `HEARSAY_SYBILS` how many Sybils there are for each honest node (4), and
// `HEARSAY_COLD_BOOT_NODES` how many honest nodes (8). Each prints its numbers.

import { type PeerId, type Random, seededRandom } from '@hearsay/core'
import { type Engine, trees } from '@hearsay/gossip/machine'
import { describe, expect, it } from 'vitest'
import { censoring, dropping } from '../src/adversaries/relays.js'
import { Rooms } from '../src/crowd/rooms.js'
import { Crowd, type CrowdMember } from '../src/crowd.js'
import { shuffled } from '../src/overlay.js'
import { percentilesOf } from '../src/scenario/report.js'
import { simulatedCrypto } from '../src/simulated-crypto.js'
import { twisted } from '../src/twist.js'

const SECOND = 1_000
const SEEDS = Number(process.env.HEARSAY_COLD_BOOTS ?? 1)
const FIRST_SEED = Number(process.env.HEARSAY_COLD_BOOT_FIRST_SEED ?? 1)
const SYBILS = Number(process.env.HEARSAY_SYBILS ?? 4)
const HONEST = Number(process.env.HEARSAY_COLD_BOOT_NODES ?? 8)
const AUTHORS = 4
/** How many a discovery finds at once, of all. */
const FOUND = 20
/** The first word, and from when on everything is to arrive in time: by then neighbours could be compared. */
const SPEAK_AT = 5 * SECOND
const SETTLED_AT = 15 * SECOND
const END_AT = 17 * SECOND
/** In which time everything is to arrive. */
const DUE_MS = 5 * SECOND

/** What the Sybils do with what they hear. */
type Kind = 'drops all' | 'drops some'

interface Boot {
  /** Deliveries that are due of what was said before and after the room had settled, and those that did not come in time. */
  readonly early: { due: number; late: number }
  readonly settled: { due: number; late: number }
  readonly latencyMs: ReturnType<typeof percentilesOf>
  readonly dialsOfEach: number
  /** Honest nodes that an honest one took for hostile. */
  readonly blamed: number
}

/** Words of the honest, and when each honest node heard them. */
class Words {
  readonly said = new Map<string, { at: number; heardAt: Map<PeerId, number> }>()
  blamed = 0

  settle(from: number, to: number, listeners: readonly CrowdMember[]): { due: number; late: number } {
    const tally = { due: 0, late: 0 }
    for (const [key, { at, heardAt }] of this.said) {
      if (at < from || at >= to) continue
      for (const { id } of listeners) {
        if (key.startsWith(id)) continue
        tally.due++
        if ((heardAt.get(id) ?? Number.POSITIVE_INFINITY) - at > DUE_MS) tally.late++
      }
    }
    return tally
  }

  get latencies(): number[] {
    return [...this.said.values()].flatMap(({ at, heardAt }) => [...heardAt.values()].map((heard) => heard - at))
  }
}

function boot(seed: number, kind: Kind): Boot {
  const crypto = simulatedCrypto()
  const crowd = new Crowd({ seed, membership: {}, crypto })
  const random = seededRandom(seed + 1_000)
  const all = Array.from({ length: HONEST * (1 + SYBILS) }, (_, index) => crowd.add(`tcp://60.7.${index}.1:4000`))
  const honest = shuffled(all, random).slice(0, HONEST)
  const ids = new Set(honest.map(({ id }) => id))
  const authors = honest.slice(0, AUTHORS)
  const censored = authors.filter((_, index) => index % 2 === 0).map(({ id }) => id)
  const sybil: Engine = twisted(trees(), kind === 'drops all' ? dropping : censoring(censored))
  const words = new Words()
  const rooms = new Rooms({
    ...{ crowd, crypto, random, engine: ({ id }) => (ids.has(id) ? trees() : sybil) },
    onHappening: (happening, at) => {
      const node = all[happening.node] as CrowdMember
      if (!ids.has(node.id)) return
      if (happening.type === 'misbehaved' && ids.has((all[happening.to] as CrowdMember).id)) words.blamed++
      if (happening.type === 'published') {
        words.said.set(`${node.id} ${happening.from}`, { at, heardAt: new Map() })
      }
      if (happening.type !== 'delivered') return
      const { author, seq } = happening.delivery
      words.said.get(`${author} ${seq}`)?.heardAt.set(node.id, at)
    },
  })
  for (const member of all) discover(crowd, member, { all, random })
  for (const author of authors) speak(crowd, rooms, author, random)
  rooms.run(END_AT + DUE_MS + SECOND)
  return {
    early: words.settle(0, SETTLED_AT, honest),
    settled: words.settle(SETTLED_AT, END_AT, honest),
    latencyMs: percentilesOf(words.latencies),
    dialsOfEach: crowd.dials.length / all.length,
    blamed: words.blamed,
  }
}

/** It starts within the first second, and finds some of all, whoever they are, as often as it asks. */
function discover(crowd: Crowd, member: CrowdMember, { all, random }: { all: readonly CrowdMember[]; random: Random }) {
  const find = (): void => {
    for (const { address } of shuffled(all, random).slice(0, FOUND)) {
      if (address !== member.address) crowd.tell(member, { addresses: [address], source: 'found' })
    }
  }
  member.onRefresh = () => crowd.after(SECOND / 2, find)
  crowd.after(random.below(SECOND), find)
}

/** Once a second. */
function speak(crowd: Crowd, rooms: Rooms, author: CrowdMember, random: Random): void {
  const phase = random.below(SECOND)
  for (let at = SPEAK_AT + phase; at < END_AT; at += SECOND) {
    crowd.after(at, () => rooms.publish(author, new Uint8Array(40)))
  }
}

function told(kind: Kind, boots: readonly Boot[]): void {
  if (!process.env.HEARSAY_COLD_BOOTS) return
  for (const [index, one] of boots.entries())
    console.log(JSON.stringify({ seed: FIRST_SEED + index, kind, sybils: SYBILS, ...one }))
}

const boots = (kind: Kind): readonly Boot[] => {
  const all = Array.from({ length: SEEDS }, (_, index) => boot(FIRST_SEED + index, kind))
  told(kind, all)
  return all
}

describe(`a room that starts among ${SYBILS} Sybils to one honest node, all in one network`, () => {
  const timeout = 30_000 + SEEDS * 60_000

  function expectDelivered(boots: readonly Boot[]): void {
    for (const { settled, early, blamed, dialsOfEach } of boots) {
      expect(settled.due).toBeGreaterThan(0)
      expect(settled.late).toBe(0)
      // Before that one node in eight may have met nobody honest yet, in one seed of many.
      if (SEEDS === 1) expect(early.late).toBe(0)
      expect(early.late / early.due).toBeLessThan(0.1)
      expect(blamed).toBe(0)
      expect(dialsOfEach).toBeLessThan(50)
    }
  }

  it(
    'delivers everything to everybody within five seconds, from ten seconds after the first word on',
    {
      timeout,
    },
    () => expectDelivered(boots('drops all')),
  )

  it('delivers everything in that time if the Sybils pass some authors on', { timeout }, () =>
    expectDelivered(boots('drops some')),
  )
})

describe('twenty honest nodes', () => {
  it('keep the neighbours that they have while nobody speaks', () => {
    const crowd = new Crowd({ seed: 1, membership: {}, crypto: simulatedCrypto() })
    const random = seededRandom(1)
    const all = Array.from({ length: 20 }, () => crowd.add())
    for (const member of all) discover(crowd, member, { all, random })
    crowd.run(5 * SECOND)
    const first = new Map(all.map((member) => [member, member.neighbours]))
    crowd.run(3 * SECOND)
    // Who is there for three seconds is not on trial.
    const settled = all.flatMap((member) => {
      return member.neighbours
        .filter((peer) => first.get(member)?.includes(peer))
        .map((peer) => [member, peer] as const)
    })
    crowd.run(20 * SECOND)
    expect(settled.length).toBeGreaterThan(20 * 8)
    for (const [member, peer] of settled) expect(member.neighbours).toContain(peer)
  })
})
