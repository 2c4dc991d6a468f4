// What strikes a room while it talks: each fault of a scenario, as acts on the network at their times.

import type { Random } from '@hearsay/core'
import type { SimulatedNetwork } from '../network.js'
import { type Edge, pick, randomOverlay, shuffled } from '../overlay.js'
import { SILENCE_MS } from '../silence.js'
import type { Cast } from './cast.js'
import type { Fault, FaultType } from './format.js'
import { type Membership, RELINK_MS, STRANGERS_MS } from './membership.js'
import type { Reach } from './reach.js'

/** What faults act on. */
export interface Stage {
  readonly network: SimulatedNetwork
  readonly membership: Membership
  readonly reach: Reach
  readonly random: Random
  readonly edges: readonly Edge[]
  /** Honest nodes, those that are gone too. */
  readonly honest: readonly number[]
  /** Honest nodes that publish nothing. */
  readonly listeners: readonly number[]
  /** The next life of this node begins with its stored state lost, as of before its last life, or kept. */
  restart(node: number, state: 'lost' | 'stale' | 'kept'): void
}

type Of<Type extends FaultType> = Extract<Fault, { type: Type }>

/** Until then everything is repaired that a fault of this end broke: noticed, redialled, strangers found. */
export const HEALED_MS: number = SILENCE_MS[1] + 2 * RELINK_MS[1] + STRANGERS_MS

/** Schedules the fault; `startMs` is when the first author speaks. Answers when it is over. */
export function schedule(fault: Fault, stage: Stage, startMs: number): number {
  const atMs = startMs + fault.atMs
  stage.network.at(atMs, () => strike(fault, stage))
  return atMs + ('forMs' in fault ? fault.forMs : 0)
}

/** A group of adversaries links with its victims, as many of it as a node takes. */
export function surround({ roles, victims }: Cast, network: SimulatedNetwork): void {
  const group = roles.flatMap((role, node) => (role?.type === 'sybil' ? [node] : []))
  for (const victim of victims) for (const node of group.slice(0, 64)) network.connect(victim, node)
}

function strike(fault: Fault, stage: Stage): void {
  switch (fault.type) {
    case 'crash':
      return crash(fault, stage)
    case 'split':
      return split(fault, stage)
    case 'cut':
      return cut(fault, stage)
    case 'one-way':
      return oneWay(fault, stage)
    case 'slow':
      return slow(fault, stage)
    case 'freeze':
      return freeze(fault, stage)
    case 'churn':
      return churn(fault, stage)
    case 'restart':
      return restart(fault, stage)
    case 'clock':
      for (const node of someOf(stage, fault.share)) stage.network.stepClock(node, fault.byMs)
  }
}

function crash({ share }: Of<'crash'>, stage: Stage): void {
  for (const node of someOf(stage, share)) vanish(node, stage)
}

/** Each part keeps within itself what links it had, and finds more; when it is over strangers meet again within half a minute. */
function split({ parts, forMs }: Of<'split'>, stage: Stage): void {
  const { network, membership, reach, random } = stage
  const all = network.nodes.map(({ index }) => index)
  const partOf = all.map(() => 0)
  for (const [index, node] of shuffled(all, random).entries()) partOf[node] = index % parts
  reach.parts = partOf
  for (let part = 0; part < parts; part++) {
    const within = all.filter((node) => partOf[node] === part)
    // Every part is one, or nobody in it could tell the others.
    if (within.length > 1) for (const [a, b] of randomOverlay(within, 3, random)) network.connect(a, b)
  }
  for (const node of all) membership.suspect(node)
  network.at(network.now + forMs, () => {
    reach.parts = null
    network.reachChanged()
    for (const node of all) {
      network.at(network.now + random.below(STRANGERS_MS), () => membership.meetStranger(node))
    }
  })
}

function cut({ share, forMs }: Of<'cut'>, stage: Stage): void {
  const { network, membership, random } = stage
  for (const [a, b] of linksOf(stage, share)) {
    network.at(network.now + random.below(Math.max(1, forMs)), () => membership.part(a, b))
  }
}

function oneWay({ share, forMs }: Of<'one-way'>, stage: Stage): void {
  const { network, membership, reach } = stage
  const struck = linksOf(stage, share)
  for (const [a, b] of struck) {
    reach.bar(a, b)
    membership.suspectLink(a, b)
  }
  network.at(network.now + forMs, () => {
    for (const [a, b] of struck) reach.unbar(a, b)
    network.reachChanged()
  })
}

/** A link that is made meanwhile is as fast as ever. */
function slow({ share, forMs, byMs }: Of<'slow'>, stage: Stage): void {
  const { network } = stage
  const struck = linksOf(stage, share)
  for (const [a, b] of struck) network.slow(a, b, byMs)
  network.at(network.now + forMs, () => {
    for (const [a, b] of struck) network.slow(a, b, 0)
  })
}

function freeze({ share, forMs }: Of<'freeze'>, stage: Stage): void {
  const { network, membership } = stage
  const frozen = someOf(stage, share)
  for (const node of frozen) {
    network.freeze(node)
    membership.suspect(node)
  }
  network.at(network.now + forMs, () => {
    for (const node of frozen) {
      network.thaw(node)
      membership.seek(node)
    }
  })
}

/** A leaver ends its links itself; one that crashed is missed later; whoever comes back knows nothing. */
function churn({ everyMs, forMs }: Of<'churn'>, stage: Stage): void {
  const { network, membership, random, listeners } = stage
  const absent: number[] = []
  const tick = (): void => {
    const back = absent.length > 0 && random.below(2) === 0
    if (back) {
      const [node] = absent.splice(random.below(absent.length), 1)
      if (node !== undefined) stage.restart(node, 'lost')
      return
    }
    const node = listeners.length > 0 ? pick(listeners, random) : undefined
    if (node === undefined || absent.includes(node) || absent.length * 2 >= listeners.length) return
    absent.push(node)
    const neighbours = network.linkedTo(node)
    vanish(node, stage)
    if (random.below(2) === 0) for (const other of neighbours) membership.part(node, other)
  }
  for (let at = 0; at < forMs; at += everyMs) network.at(network.now + at, tick)
}

function restart({ share, forMs, state }: Of<'restart'>, stage: Stage): void {
  const gone = someOf(stage, share)
  for (const node of gone) vanish(node, stage)
  stage.network.at(stage.network.now + forMs, () => {
    for (const node of gone) stage.restart(node, state)
  })
}

function vanish(node: number, { network, membership }: Stage): void {
  network.crash(node)
  membership.suspect(node)
}

function linksOf({ edges, random }: Stage, share: number): readonly Edge[] {
  return shuffled(edges, random).slice(0, Math.floor(edges.length * share))
}

function someOf({ network, honest, random }: Stage, share: number): number[] {
  const living = honest.filter((node) => network.nodes[node]?.isAtWork)
  return shuffled(living, random).slice(0, Math.floor(honest.length * share))
}
