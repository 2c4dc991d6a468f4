// One run of a scenario: a room grows, authors speak, faults strike, liars lie, and everything that happens is counted and held
// against the invariants. The seed decides everything that is random.

import {
  type Crypto,
  createIdentity,
  createTopic,
  type Identity,
  type Random,
  seededRandom,
  type Topic,
} from '@hearsay/core'
import type { Engine } from '@hearsay/gossip/machine'
import { adversary } from '../adversaries.js'
import { type EngineName, engineNamed, type SimulatedEngine } from '../engines.js'
import type { LinkChange } from '../network/options.js'
import { type Happening, SimulatedNetwork } from '../network.js'
import { type Edge, randomOverlay, regionLatency } from '../overlay.js'
import { simulatedCrypto } from '../simulated-crypto.js'
import { Cast, epochOf, WALL_MS } from './cast.js'
import { HEALED_MS, schedule, surround } from './faults.js'
import type { Scenario } from './format.js'
import { Membership } from './membership.js'
import { Reach } from './reach.js'
import type { ScenarioReport } from './report.js'
import { Rules } from './rules.js'
import { TALK, Talk, type TalkProtocol } from './talk.js'
import { Witnesses } from './witnesses.js'
import { wordsOf } from './words.js'

export interface RunOptions {
  /** Decides everything that is random. */
  readonly seed: number
  /** @default 'trees' */
  readonly engine?: EngineName | SimulatedEngine
  /** Changes the engine of a node: for planted faults. */
  readonly wrap?: (engine: Engine, node: number) => Engine
  /** Questions and answers: for planted faults. */
  readonly talk?: TalkProtocol
  /** @default simulatedCrypto() */
  readonly crypto?: Crypto
}

/** When authors begin: by then all hellos have crossed. */
const START_MS = 2_000
/** Who comes back is due what is said from so long after. */
const SETTLED_IN_MS = 5_000
/** By so long after the end, which nothing is due in, nobody has anything to do any more. */
const REST_MS = 120_000
/** Links with fewer than which a node looks for more. */
const LEAST_LINKS = 5
/** Virtual time between two steps. */
const STEP_MS = 50

/** Runs a scenario to its end, or to the first invariant that breaks. */
export function runScenario(scenario: Scenario, options: RunOptions): ScenarioReport {
  const steps = scenarioSteps(scenario, options)
  let step = steps.next()
  while (!step.done) step = steps.next()
  return step.value
}

/** The same in steps, for who has something else to do meanwhile: each yields how much is over, from 0 to 1. */
export function scenarioSteps(scenario: Scenario, options: RunOptions): Generator<number, ScenarioReport> {
  return new ScenarioRun(scenario, options).run()
}

class ScenarioRun {
  readonly #scenario: Scenario
  readonly #options: RunOptions
  readonly #random: Random
  readonly #engine: SimulatedEngine
  readonly #cast: Cast
  readonly #identities: readonly Identity[]
  readonly #network: SimulatedNetwork
  readonly #membership: Membership
  readonly #reach = new Reach()
  readonly #rules: Rules
  readonly #witnesses: Witnesses
  /** Null where nobody asks anything. */
  readonly #talk: Talk | null
  readonly #edges: readonly Edge[]
  /** Since when each node is there, in its present life. */
  readonly #since: number[]
  readonly #bornAt: number[]
  /** Epochs in which each node has lived. */
  readonly #epochs: readonly number[][]
  readonly #stored: number[]
  /** When each life began that has no link yet and may be owed what nobody has acknowledged; null of others. */
  readonly #lonelySince: (number | null)[]
  readonly #violations: string[] = []
  /** From then on no fault keeps nodes apart. */
  #calmAt = 0

  constructor(scenario: Scenario, options: RunOptions) {
    const { seed, engine = 'trees', crypto = simulatedCrypto() } = options
    const { nodes, degree } = scenario
    const random = seededRandom(seed)
    this.#scenario = scenario
    this.#options = options
    this.#random = random
    this.#engine = typeof engine === 'string' ? engineNamed(engine) : engine
    this.#identities = Array.from({ length: nodes }, () => createIdentity({ seed: random.bytes(32), crypto }))
    this.#cast = new Cast(scenario, random)
    this.#since = this.#identities.map(() => 0)
    this.#bornAt = this.#identities.map(() => 0)
    this.#epochs = this.#identities.map(() => [])
    this.#stored = this.#identities.map(() => -1)
    this.#lonelySince = this.#identities.map(() => null)
    const ids = this.#identities.map(({ id }) => id)
    this.#rules = new Rules(scenario, { ids, authors: this.#cast.authors })
    const topic = createTopic('simulation', { crypto })
    this.#witnesses = new Witnesses({
      ...{ scenario, seed, engine: this.#engine, cast: this.#cast, rules: this.#rules, ids, topic, crypto },
      ...{ since: this.#since, bornAt: this.#bornAt, epochOf: (node) => this.#epochOf(node) },
      network: () => this.#network,
      onViolation: (violation) => this.#violated(violation),
    })
    this.#network = this.#createNetwork(topic, crypto)
    this.#talk = scenario.queries ? this.#createTalk(topic, crypto) : null
    this.#edges = randomOverlay(
      this.#network.nodes.map(({ index }) => index),
      degree,
      random,
    )
    this.#membership = new Membership({ network: this.#network, random, nodes, least: Math.min(LEAST_LINKS, degree) })
  }

  *run(): Generator<number, ScenarioReport> {
    const { records, intervalMs, settleMs, faults } = this.#scenario
    for (const [a, b] of this.#edges) this.#network.connect(a, b)
    surround(this.#cast, this.#network)
    for (const author of [...this.#cast.authors, ...this.#cast.equivocators]) this.#speak(author)
    const saidAt = START_MS + (records + 1) * intervalMs
    const stage = {
      ...{ network: this.#network, membership: this.#membership, reach: this.#reach, random: this.#random },
      ...{ edges: this.#edges, honest: this.#cast.honest, listeners: this.#cast.listeners },
      restart: (node: number, state: 'lost' | 'stale' | 'kept') => this.#restart(node, state),
    }
    const over = faults.map((fault) => schedule(fault, stage, START_MS))
    const askedAt = this.#talk?.schedule(START_MS) ?? 0
    this.#calmAt = Math.max(0, ...over.map((at) => at + HEALED_MS))
    const calmAt = Math.max(saidAt, askedAt, this.#calmAt)
    this.#membership.endAt(calmAt)
    const endMs = calmAt + settleMs
    let isAtRest = false
    for (let at = 0; at < endMs && !isAtRest && this.#violations.length === 0; ) {
      at = Math.min(endMs, at + STEP_MS)
      isAtRest = this.#network.run(at)
      yield at / endMs
    }
    const report = this.#witnesses.report({ calmAt: this.#calmAt, talk: this.#talk, violations: this.#violations })
    if (!isAtRest && report.violations.length === 0 && this.#engine.rests && this.#scenario.adversaries.length === 0) {
      if (!this.#network.run(endMs + REST_MS)) this.#violations.push('never at rest')
    }
    return report
  }

  #createNetwork(topic: Topic, crypto: Crypto): SimulatedNetwork {
    const { latencyMs, bytesPerMs, ...path } = this.#scenario.path
    return new SimulatedNetwork({
      ...{ topic, identities: this.#identities, crypto, random: this.#random, room: this.#rules.options },
      verdict: (_node, deliveries) => this.#rules.verdictOn(deliveries),
      onLink: (change) => this.#onLink(change),
      engine: (node) => this.#engineOf(node),
      latencyMs: latencyMs === 'regions' ? regionLatency(this.#random) : latencyMs,
      path: { ...path, ...(bytesPerMs !== null && { bytesPerMs }) },
      wallMs: WALL_MS,
      epoch: (node) => this.#newEpoch(node),
      reach: (from, to) => this.#reach.isOpen(from, to),
      onHappening: (happening, at) => this.#note(happening, at),
    })
  }

  #createTalk(topic: Topic, crypto: Crypto): Talk {
    const { seed, talk: protocol = TALK } = this.#options
    return new Talk({
      ...{ scenario: this.#scenario, network: this.#network, cast: this.#cast, identities: this.#identities },
      ...{ topic, crypto, random: seededRandom(seed + 1), protocol },
      onViolation: (violation) => this.#violated(violation),
    })
  }

  #onLink(change: LinkChange): void {
    this.#talk?.onLink(change)
    if (!change.isUp) return
    for (const node of change.ends) {
      const since = this.#lonelySince[node] ?? null
      if (since !== null) this.#witnesses.owe(node, since)
      this.#lonelySince[node] = null
    }
  }

  /** The epoch of a life that begins now, by the node's own clock. */
  #newEpoch(node: number): number {
    const wallMs = this.#network === undefined ? WALL_MS : this.#network.wallOf(node)
    const epoch = epochOf(this.#stored[node] ?? -1, wallMs, this.#random)
    this.#stored[node] = epoch
    this.#epochs[node]?.push(epoch)
    return epoch
  }

  #engineOf(node: number): Engine {
    const limits = { ...this.#engine.engine.limits, ...this.#rules.limits }
    const engine = { ...this.#engine.engine, limits }
    const role = this.#cast.roles[node]
    const { wrap } = this.#options
    if (!role) return wrap ? wrap(engine, node) : engine
    const silenced = this.#cast.authors[node % this.#cast.authors.length] ?? 0
    const victim = this.#identities[silenced]?.id ?? null
    return adversary(role.type, engine, { random: this.#random, fromMs: START_MS + role.atMs, victim })
  }

  #epochOf(node: number): number {
    return this.#epochs[node]?.at(-1) ?? -1
  }

  /** An author says its records at a steady pace, at a moment of its own within it. */
  #speak(author: number): void {
    const { records, intervalMs, batch } = this.#scenario
    const { id } = this.#identities[author] as Identity
    const phaseMs = this.#random.below(intervalMs)
    const said = new Map<number, number>()
    for (let index = 0; index < records; index++) {
      this.#network.at(START_MS + phaseMs + index * intervalMs, () => {
        const node = this.#network.nodes[author]
        if (!node || node.isCrashed) return
        const { epoch } = node
        const first = said.get(epoch) ?? 0
        said.set(epoch, first + batch)
        const seqs = Array.from({ length: batch }, (_, index) => first + index)
        const payloads = seqs.map((seq) => wordsOf({ author: id, epoch, seq }, this.#rules.bytesOf(author, seq)))
        this.#network.publish(author, payloads)
      })
    }
  }

  #restart(node: number, state: 'lost' | 'stale' | 'kept'): void {
    const { now } = this.#network
    const store = state === 'kept' ? 'kept' : 'lost'
    // A backup as old as the first life, or none at all.
    if (state !== 'kept') this.#stored[node] = state === 'lost' ? -1 : (this.#epochs[node]?.[0] ?? -1)
    this.#bornAt[node] = now
    if (store === 'lost') {
      if (this.#scenario.room.since === 'live') this.#since[node] = now + SETTLED_IN_MS
      this.#lonelySince[node] = now
    }
    this.#witnesses.forget(node, store)
    this.#talk?.restart(node)
    this.#network.restart(node, store)
    const lived = this.#epochs[node] ?? []
    if (new Set(lived).size < lived.length) this.#violated(`node ${node} signs in an epoch that it had before`)
    this.#membership.seek(node)
  }

  #note(happening: Happening, at: number): void {
    if (happening.type === 'misbehaved' && this.#cast.isHonest(happening.node)) {
      this.#membership.seek(happening.node)
      this.#membership.seek(happening.to)
    }
    this.#witnesses.note(happening, at)
  }

  #violated(violation: string): void {
    this.#violations.push(`${violation} (at ${Math.floor(this.#network.now)} ms)`)
    this.#network.stop()
  }
}
