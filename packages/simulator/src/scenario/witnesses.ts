// Everything that looks on while a scenario runs: what was said and who heard it, what crossed the links, what is held, which
// invariants broke, and what it all comes to.

import type { Crypto, PeerId, Topic } from '@hearsay/core'
import type { SimulatedEngine } from '../engines.js'
import type { Happening, SimulatedNetwork } from '../network.js'
import { Trace } from '../trace.js'
import type { Cast } from './cast.js'
import { ForkTimes } from './fork-times.js'
import type { Scenario } from './format.js'
import { HoldingsWatch } from './holdings.js'
import { Ledger } from './ledger.js'
import { largestPart, unconfirmed, unmet } from './outcome.js'
import { Tracker } from './propagation.js'
import { percentilesOf, type ScenarioReport } from './report.js'
import type { Rules } from './rules.js'
import { Signatures } from './signatures.js'
import type { Talk } from './talk.js'
import { Traffic } from './traffic.js'
import { Watch } from './watch.js'
import { Wishes } from './wishes.js'

export interface WitnessesContext {
  readonly scenario: Scenario
  readonly seed: number
  readonly engine: SimulatedEngine
  readonly cast: Cast
  readonly rules: Rules
  readonly ids: readonly PeerId[]
  readonly topic: Topic
  readonly crypto: Crypto
  /** What is said from then on is due to the nodes; 0: everything. */
  readonly since: readonly number[]
  /** When their present lives began; 0 from the start. */
  readonly bornAt: readonly number[]
  epochOf(node: number): number
  network(): SimulatedNetwork
  onViolation(violation: string): void
}

export class Witnesses {
  readonly #context: WitnessesContext
  readonly #ledger: Ledger
  readonly #watch: Watch
  readonly #wishes: Wishes
  readonly #forkTimes: ForkTimes
  /** Null where nobody passes on lax ones. */
  readonly #signatures: Signatures | null
  readonly #traffic: Traffic
  readonly #tracker: Tracker
  readonly #holdings: HoldingsWatch
  readonly #trace: Trace

  constructor(context: WitnessesContext) {
    const { scenario, cast, rules, ids, topic, crypto, epochOf, onViolation } = context
    this.#context = context
    const isSaying = (author: number, epoch: number): boolean => this.#isAtWork(author) && epochOf(author) === epoch
    const ledger = new Ledger({
      ...{ nodes: scenario.nodes, isSaying },
      isWanted: (author, seq) => rules.isWanted(author, seq),
      saysLarge: (author) => rules.saysLarge(author),
    })
    const lives = {
      since: (node: number) => context.since[node] ?? 0,
      bornAt: (node: number) => context.bornAt[node] ?? 0,
      epochOf,
    }
    const isHonest = (node: number): boolean => cast.isHonest(node)
    this.#ledger = ledger
    this.#watch = new Watch({
      ...{ ...lives, ids, ledger, isHonest, onViolation },
      bytesOf: (author, seq) => rules.bytesOf(author, seq),
      isTwoFaced: (node) => cast.isTwoFaced(node),
    })
    const nodeOf = (id: string): number => this.#watch.nodeOf(id)
    this.#wishes = new Wishes({
      ...{ ...lives, scenario, rules, ledger, ids, nodeOf, onViolation },
      nextOf: (node) => this.#watch.nextOf(node),
      living: () => this.living,
    })
    this.#forkTimes = new ForkTimes({ ids, topic, crypto, cast })
    const isLax = scenario.adversaries.some(({ type }) => type === 'lax')
    this.#signatures = isLax ? new Signatures({ ids, topic, crypto, isHonest, onViolation }) : null
    this.#traffic = new Traffic(context.engine.frames)
    this.#tracker = new Tracker({ author: cast.authors[0] ?? 0, seq: Math.floor(scenario.records / 2), nodeOf })
    this.#holdings = new HoldingsWatch(onViolation)
    this.#trace = new Trace(nodeOf)
  }

  /** Honest nodes that are at work. */
  get living(): number[] {
    return this.#context.cast.honest.filter((node) => this.#isAtWork(node))
  }

  note(happening: Happening, at: number): void {
    this.#trace.note(happening, at)
    this.#forkTimes.note(happening, at)
    const { node } = happening
    if (!this.#context.cast.isHonest(node)) return
    if (happening.type === 'published') this.#onPublished(happening, at)
    if (happening.type === 'sent') this.#traffic.sent(happening.frame)
    if (happening.type === 'delivered') this.#traffic.delivered(happening.delivery.seq)
    this.#signatures?.note(happening)
    this.#wishes.note(happening)
    const machine = this.#context.network().nodes[node]?.machine
    if (machine) this.#holdings.note(node, machine)
    this.#watch.note(happening, at)
    this.#tracker.note(happening, at)
  }

  /** A new process begins at this node, which has what its store kept. */
  forget(node: number, store: 'lost' | 'kept'): void {
    if (store === 'lost') this.#ledger.forget(node)
    this.#watch.forget(node, store)
    this.#forkTimes.forget(node)
    this.#wishes.forget(node)
  }

  /** The node came at that time, and is linked now. */
  owe(node: number, at: number): void {
    this.#ledger.owe(node, at)
  }

  /** What the run came to; where nothing broke, what was not as it is to be at the end is added to `violations`. */
  report(run: { calmAt: number; talk: Talk | null; violations: string[] }): ScenarioReport {
    const { scenario, seed, engine, since, epochOf } = this.#context
    const { calmAt, talk, violations } = run
    const network = this.#context.network()
    const alive = this.living
    const connected = largestPart(alive, network)
    const due = { nodes: connected, since }
    const { expected, delivered, missing } = this.#ledger.settle(due)
    const { redundancy, bytes, bytesByKind, framesByKind, controlBytes } = this.#traffic
    const { gaps, drops, lastHop, lateHellos } = this.#watch
    const report: ScenarioReport = {
      ...{ scenario: scenario.name, engine: engine.name, seed, nodes: scenario.nodes, survivors: alive.length },
      ...{ cutOff: alive.length - connected.length, expected, delivered, missed: expected - delivered },
      ...{ gaps, drops, lateHellos, lastHop, missing },
      ...{ latencyMs: percentilesOf(this.#ledger.latencies(due)), redundancy },
      smallP99Ms: percentilesOf(this.#ledger.latencies(due, true)).p99,
      ...{ questions: talk?.questions.count ?? 0, answers: talk?.questions.answers ?? 0 },
      forkMs: this.#forkTimes.slowest(connected, calmAt),
      ...{ bytes, bytesByKind, framesByKind, controlBytes },
      memory: { ...network.memory, ofOneNode: this.#holdings.most },
      virtualMs: Math.floor(network.now),
      ...{ propagation: this.#tracker.propagation, trace: this.#trace.end(), violations },
    }
    if (violations.length > 0) return report
    violations.push(
      ...this.#forkTimes.untold(connected, calmAt),
      ...(engine.confirms ? unconfirmed(connected, this.#ledger, epochOf) : []),
      ...(talk?.conclude() ?? []),
      ...unmet(report, scenario.expect),
    )
    return report
  }

  #onPublished({ node, from, to }: Extract<Happening, { type: 'published' }>, at: number): void {
    const { ids, epochOf } = this.#context
    this.#ledger.publish(node, { id: ids[node] as PeerId, epoch: epochOf(node), from, to }, at)
  }

  #isAtWork(node: number): boolean {
    return this.#context.network().nodes[node]?.isAtWork === true
  }
}
