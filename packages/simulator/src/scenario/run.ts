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
import { Trace } from '../trace.js'
import { Cast, epochOf, WALL_MS } from './cast.js'
import { HEALED_MS, schedule, surround } from './faults.js'
import { ForkTimes } from './fork-times.js'
import type { Scenario } from './format.js'
import { HoldingsWatch } from './holdings.js'
import { Ledger } from './ledger.js'
import { Membership } from './membership.js'
import { largestPart, unconfirmed, unmet } from './outcome.js'
import { Tracker } from './propagation.js'
import { Reach } from './reach.js'
import { percentilesOf, type ScenarioReport } from './report.js'
import { Rules } from './rules.js'
import { Signatures } from './signatures.js'
import { TALK, Talk, type TalkProtocol } from './talk.js'
import { Traffic } from './traffic.js'
import { Watch } from './watch.js'
import { Wishes } from './wishes.js'
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
  readonly #ledger: Ledger
  readonly #rules: Rules
  readonly #watch: Watch
  readonly #forkTimes: ForkTimes
  /** Null where nobody passes on lax ones. */
  readonly #signatures: Signatures | null
  readonly #wishes: Wishes
  /** Null where nobody asks anything. */
  readonly #talk: Talk | null
  readonly #traffic: Traffic
  readonly #tracker: Tracker
  readonly #trace: Trace
  readonly #edges: readonly Edge[]
  /** Since when each node is there, in its present life. */
  readonly #since: number[]
  readonly #bornAt: number[]
  /** Epochs in which each node has lived. */
  readonly #epochs: readonly number[][]
  readonly #stored: number[]
  readonly #holdings = new HoldingsWatch((violation) => this.#violated(violation))
  /** When each life began that has no link yet and may be owed what nobody has acknowledged; null of others. */
  readonly #lonelySince: (number | null)[]
  readonly #violations: string[] = []
  /** From then on no fault keeps nodes apart. */
  #calmAt = 0

  constructor(scenario: Scenario, options: RunOptions) {
    const { seed, engine = 'trees', crypto = simulatedCrypto() } = options
    const { nodes, degree, records } = scenario
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
    const rules = new Rules(scenario, { ids, authors: this.#cast.authors })
    this.#rules = rules
    this.#ledger = new Ledger({
      nodes,
      isWanted: (author, seq) => rules.isWanted(author, seq),
      isSaying: (author, epoch) => this.#network.nodes[author]?.isAtWork === true && this.#epochOf(author) === epoch,
      saysLarge: (author) => rules.saysLarge(author),
    })
    const lives = {
      since: (node: number) => this.#since[node] ?? 0,
      bornAt: (node: number) => this.#bornAt[node] ?? 0,
      epochOf: (node: number) => this.#epochOf(node),
      onViolation: (violation: string) => this.#violated(violation),
    }
    this.#watch = new Watch({
      ...{ ...lives, ids, ledger: this.#ledger, bytesOf: (author, seq) => rules.bytesOf(author, seq) },
      isHonest: (node) => this.#cast.isHonest(node),
      isTwoFaced: (node) => this.#cast.isTwoFaced(node),
    })
    const nodeOf = (id: string): number => this.#watch.nodeOf(id)
    this.#wishes = new Wishes({
      ...{ ...lives, scenario, rules, ledger: this.#ledger, ids, nodeOf },
      nextOf: (node) => this.#watch.nextOf(node),
      living: () => this.#cast.honest.filter((node) => this.#network.nodes[node]?.isAtWork),
    })
    this.#trace = new Trace(nodeOf)
    this.#traffic = new Traffic(this.#engine.frames)
    const author = this.#cast.authors[0] ?? 0
    this.#tracker = new Tracker({ author, seq: Math.floor(records / 2), nodeOf })
    const topic = createTopic('simulation', { crypto })
    this.#forkTimes = new ForkTimes({ ids, topic, crypto, cast: this.#cast })
    const isLax = scenario.adversaries.some(({ type }) => type === 'lax')
    const { onViolation } = lives
    const isHonest = (node: number): boolean => this.#cast.isHonest(node)
    this.#signatures = isLax ? new Signatures({ ids, topic, crypto, isHonest, onViolation }) : null
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
    const report = this.#report()
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
      if (since !== null) this.#ledger.owe(node, since)
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
      this.#ledger.forget(node)
      this.#lonelySince[node] = now
    }
    this.#watch.forget(node, store)
    this.#forkTimes.forget(node)
    this.#wishes.forget(node)
    this.#talk?.restart(node)
    this.#network.restart(node, store)
    const lived = this.#epochs[node] ?? []
    if (new Set(lived).size < lived.length) this.#violated(`node ${node} signs in an epoch that it had before`)
    this.#membership.seek(node)
  }

  #note(happening: Happening, at: number): void {
    this.#trace.note(happening, at)
    this.#forkTimes.note(happening, at)
    this.#signatures?.note(happening)
    const { node } = happening
    if (!this.#cast.isHonest(node)) return
    if (happening.type === 'published') {
      const { id } = this.#identities[node] as Identity
      const { from, to } = happening
      this.#ledger.publish(node, { id, epoch: this.#epochOf(node), from, to }, at)
    }
    if (happening.type === 'sent') this.#traffic.sent(happening.frame)
    if (happening.type === 'delivered') this.#traffic.delivered(happening.delivery.seq)
    if (happening.type === 'misbehaved') {
      this.#membership.seek(node)
      this.#membership.seek(happening.to)
    }
    this.#wishes.note(happening)
    const machine = this.#network.nodes[node]?.machine
    if (machine) this.#holdings.note(node, machine)
    this.#watch.note(happening, at)
    this.#tracker.note(happening, at)
  }

  #violated(violation: string): void {
    this.#violations.push(`${violation} (at ${Math.floor(this.#network.now)} ms)`)
    this.#network.stop()
  }

  #report(): ScenarioReport {
    const { name, nodes } = this.#scenario
    const alive = this.#cast.honest.filter((node) => this.#network.nodes[node]?.isAtWork)
    const connected = largestPart(alive, this.#network)
    const due = { nodes: connected, since: this.#since }
    const { expected, delivered, missing } = this.#ledger.settle(due)
    const traffic = this.#traffic
    const report = {
      ...{ scenario: name, engine: this.#engine.name, seed: this.#options.seed, nodes, survivors: alive.length },
      ...{ cutOff: alive.length - connected.length, expected, delivered, missed: expected - delivered },
      ...{ gaps: this.#watch.gaps, drops: this.#watch.drops, lastHop: this.#watch.lastHop, missing },
      lateHellos: this.#watch.lateHellos,
      ...{ latencyMs: percentilesOf(this.#ledger.latencies(due)), redundancy: traffic.redundancy },
      smallP99Ms: percentilesOf(this.#ledger.latencies(due, true)).p99,
      ...{ questions: this.#talk?.questions.count ?? 0, answers: this.#talk?.questions.answers ?? 0 },
      forkMs: this.#forkTimes.slowest(connected, this.#calmAt),
      ...{ bytes: traffic.bytes, bytesByKind: traffic.bytesByKind, framesByKind: traffic.framesByKind },
      ...{
        controlBytes: traffic.controlBytes,
        memory: { ...this.#network.memory, ofOneNode: this.#holdings.most },
        virtualMs: Math.floor(this.#network.now),
      },
      ...{ propagation: this.#tracker.propagation, trace: this.#trace.end(), violations: this.#violations },
    }
    if (this.#violations.length > 0) return report
    this.#violations.push(
      ...this.#forkTimes.untold(connected, this.#calmAt),
      ...(this.#engine.confirms ? unconfirmed(connected, this.#ledger, (author) => this.#epochOf(author)) : []),
      ...(this.#talk?.conclude() ?? []),
      ...unmet(report, this.#scenario.expect),
    )
    return report
  }
}
