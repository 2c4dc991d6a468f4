// Whom to try: by chance, so that nobody can foresee it; better scores more often; at most a share from one network and from
// one introducer, as long as there are others; those that worked on the LAN first.

import type { PeerId, Random } from '@hearsay/core'
import { type Entry, entryScore, groupOf, isProven } from './entry.js'
import { isLocal } from './groups.js'

/** At most this share of a sample from one network, or on one introducer's word. */
const SHARE = 1 / 4
/** At most this share of a sample goes ahead because it is near. */
const NEAR_SHARE = 1 / 2
/** A score of 1 weighs as much as so many of 0. */
const SCORE_WEIGHT = 63
/** What this node reached itself weighs as much as so many of the same score that it only heard of. */
const PROVEN_WEIGHT = 2

interface Choice {
  readonly entry: Entry
  readonly weight: number
  readonly group: string
}

/** Up to `n` of the entries. */
export function choose(
  entries: readonly Entry[],
  n: number,
  { random, now }: { random: Random; now: number },
): Entry[] {
  const draw = (of: readonly Choice[]): Choice[] => shuffleByWeight(of, random)
  const near = entries.filter((entry) => workedNear(entry))
  const chosen = draw(near.map((entry) => toChoice(entry, now))).slice(0, Math.ceil(n * NEAR_SHARE))
  const taken = new Set(chosen.map(({ entry }) => entry))
  const rest = entries.filter((entry) => !taken.has(entry)).map((entry) => toChoice(entry, now))
  const more = diverse(draw(rest), { n: n - chosen.length, most: Math.max(1, Math.floor(n * SHARE)) })
  return [...chosen, ...more].map(({ entry }) => entry)
}

/** The first `n` that keep within the share; who would exceed it comes after all others. */
function diverse(drawn: readonly Choice[], { n, most }: { n: number; most: number }): Choice[] {
  const perGroup = new Map<string, number>()
  const perIntroducer = new Map<PeerId, number>()
  const within: Choice[] = []
  const beyond: Choice[] = []
  for (const choice of drawn) {
    const introducer = isProven(choice.entry) ? null : choice.entry.introducer
    const crowded =
      (perGroup.get(choice.group) ?? 0) >= most || (introducer !== null && (perIntroducer.get(introducer) ?? 0) >= most)
    if (crowded) beyond.push(choice)
    else {
      within.push(choice)
      perGroup.set(choice.group, (perGroup.get(choice.group) ?? 0) + 1)
      if (introducer !== null) perIntroducer.set(introducer, (perIntroducer.get(introducer) ?? 0) + 1)
    }
    if (within.length === n) break
  }
  return [...within, ...beyond].slice(0, n)
}

/** In a random order in which a weight of two comes before a weight of one two times out of three. */
function shuffleByWeight(choices: readonly Choice[], random: Random): Choice[] {
  // The first of several exponential clocks to ring is each with the probability of its rate.
  const rung = choices.map((choice) => ({ choice, at: -Math.log(unit(random)) / choice.weight }))
  return rung.sort((a, b) => a.at - b.at).map(({ choice }) => choice)
}

function toChoice(entry: Entry, now: number): Choice {
  const weight = (1 + SCORE_WEIGHT * entryScore(entry, now) ** 2) * (isProven(entry) ? PROVEN_WEIGHT : 1)
  return { entry, weight, group: groupOf(entry) }
}

function workedNear(entry: Entry): boolean {
  for (const { address, stats } of entry.places.values()) {
    if (stats.lastSeen !== null && stats.consecutiveFailures === 0 && isLocal(address)) return true
  }
  return false
}

/** Uniform in (0, 1]. */
function unit(random: Random): number {
  return (random.below(2 ** 32) + 1) / 2 ** 32
}
