// A room with an overlay that is cut in two: who tells of it, while membership finds others in place of those that are gone.

import type { PeerId } from '@hearsay/core'
import { SplitWatch } from '@hearsay/gossip/machine'
import { describe, expect, it } from 'vitest'
import { Crowd, type CrowdMember } from '../src/crowd.js'
import { simulatedCrypto } from '../src/index.js'

const NODES = 40

/** Forty nodes linked by membership. What goes from one part to another, once they are parted, never arrives. */
function crowdOf(seed: number) {
  const parts = new Map<CrowdMember, number>()
  const isCut = (a: CrowdMember, b: CrowdMember): boolean => parts.get(a) !== parts.get(b)
  const latencyBetween = (a: CrowdMember, b: CrowdMember): number => (isCut(a, b) ? 1e9 : 15)
  const crowd = new Crowd({ seed, membership: {}, crypto: simulatedCrypto(), latencyBetween })
  const first = crowd.add()
  const members = [first, ...Array.from({ length: NODES - 1 }, () => crowd.add())]
  for (const member of members.slice(1))
    crowd.tell(member, { addresses: [first.address], source: 'seeds', persistent: true })
  crowd.run(25_000)
  return { crowd, members, parts, isCut }
}

/** Ends these links, each within so long, and answers who tells of a split. */
function split({ crowd, members }: ReturnType<typeof crowdOf>, isLost: IsLost, withinMs: number): Set<CrowdMember> {
  const byId = new Map(members.map((member) => [member.id, member]))
  const watches = new Map(members.map((member) => [member, new SplitWatch()]))
  const telling = new Set<CrowdMember>()
  const lose = (one: CrowdMember, gone: PeerId): void => {
    const left = one.neighbours.filter((peer) => peer !== gone).length
    if (watches.get(one)?.onLost(gone, left, crowd.now)) telling.add(one)
  }
  const cut = (one: CrowdMember, other: CrowdMember): void => {
    const [isOnes, isOthers] = [one.neighbours.includes(other.id), other.neighbours.includes(one.id)]
    crowd.cut(one, other)
    if (isOnes) lose(one, other.id)
    if (isOthers) lose(other, one.id)
  }
  for (const one of members) {
    for (const other of [...one.links.keys()].map((id) => byId.get(id) as CrowdMember)) {
      if (one.id < other.id && isLost(one, other)) crowd.after(crowd.random.below(withinMs), () => cut(one, other))
    }
  }
  crowd.run(withinMs + 10_000)
  return telling
}
type IsLost = (one: CrowdMember, other: CrowdMember) => boolean

describe('an overlay that is cut in two', () => {
  it.each([200, 10_000])(
    'is told of by those who lost half of their neighbours, if links are found dead within %i ms',
    (withinMs) => {
      const room = crowdOf(1)
      for (const [index, member] of room.members.entries()) room.parts.set(member, index % 2)
      const byId = new Map(room.members.map((member) => [member.id, member]))
      const lostHalf = room.members.filter((one) => {
        const lost = one.neighbours.filter((id) => room.isCut(one, byId.get(id) as CrowdMember))
        return 2 * lost.length >= one.neighbours.length
      })
      const telling = split(room, room.isCut, withinMs)
      // One or two have found more neighbours before they noticed.
      expect(lostHalf.filter((one) => telling.has(one)).length).toBeGreaterThanOrEqual(lostHalf.length - 2)
      expect(telling.size).toBeGreaterThanOrEqual((6 * NODES) / 10)
    },
  )

  it('is not told of by anybody when three of forty crash', () => {
    for (const seed of [1, 2]) {
      const room = crowdOf(seed)
      const crashed = new Set(room.members.slice(10, 13))
      const isLost: IsLost = (one, other) => crashed.has(one) !== crashed.has(other)
      const telling = split(room, isLost, 5_000)
      expect([...telling].filter((one) => !crashed.has(one))).toEqual([])
    }
  })
})
