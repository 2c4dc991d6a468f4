// One run of a large room: a few authors that publish steadily, regions, and faults that strike many nodes at once. Everything
// is decided by the seed.

import { type Crypto, createIdentity, createTopic, type Random, seededRandom } from '@hearsay/core'
import { type Engine, trees } from '@hearsay/gossip/machine'
import { textOf } from './audit.js'
import { SimulatedNetwork } from './network.js'
import { type Edge, pick, randomOverlay, regionLatency, shuffled } from './overlay.js'
import { simulatedCrypto } from './simulated-crypto.js'
import { SwarmMetrics, type SwarmReport } from './swarm-metrics.js'

export interface SwarmOptions {
  readonly seed: number
  /** @default 1000 */
  readonly nodes?: number
  /** Links of a node on average. @default 6.5 */
  readonly degree?: number
  /** @default 20 */
  readonly authors?: number
  /** Records of each author. @default 50 */
  readonly records?: number
  /** Time between two records of one author, in ms. @default 500 */
  readonly intervalMs?: number
  /** One for all, or one for each node. @default trees() */
  readonly engine?: Engine | ((node: number) => Engine)
  /** @default simulatedCrypto() */
  readonly crypto?: Crypto
  /** A frame takes up to so many ms longer, by chance. @default 0 */
  readonly jitterMs?: number
  readonly fault?: SwarmFault
}

export type SwarmFault =
  /** This share of the nodes vanishes half-way; the rest notices within these milliseconds, and links anew. */
  | {
      readonly type: 'crash'
      readonly share: number
      /** @default [2_000, 5_000] */
      readonly noticedMs?: readonly [number, number]
    }
  /** The room falls into so many parts a third of the way, and is joined again when all is said. */
  | { readonly type: 'split'; readonly parts: number }

/** When authors begin: by then all hellos have crossed. */
const START_MS = 2_000
/** Records of an author from which on its tree counts as warm. */
const WARM_FROM = 3
/** When those whose neighbour vanished notice it: between a process that ends and a host that falls silent. */
const NOTICED_MS = [2_000, 5_000] as const
/** How long a node takes to find another neighbour, at most. */
const RELINK_MS = 1_000
/** Fewest links that a node is content with. */
const LEAST_LINKS = 5
/** Everything that is due must be there so long after all are connected. */
const WITHIN_MS = 10_000

/** Runs a swarm to its end. */
export function simulateSwarm(options: SwarmOptions): SwarmReport {
  return new Swarm(options).run()
}

class Swarm {
  readonly #seed: number
  readonly #random: Random
  readonly #network: SimulatedNetwork
  readonly #metrics: SwarmMetrics
  readonly #ids: readonly string[]
  readonly #nodes: readonly number[]
  readonly #authors: readonly number[]
  readonly #edges: readonly Edge[]
  readonly #said: number[]
  readonly #plan: { readonly records: number; readonly intervalMs: number; readonly fault: SwarmFault | undefined }
  #living: readonly number[]
  /** What is due is counted from here: when all are connected again. */
  #connectedAt = 0

  constructor(options: SwarmOptions) {
    const { seed, nodes = 1_000, degree = 6.5, authors = 20, records = 50, intervalMs = 500 } = options
    const { engine = trees(), crypto = simulatedCrypto(), jitterMs = 0, fault } = options
    this.#seed = seed
    this.#random = seededRandom(seed)
    this.#plan = { records, intervalMs, fault }
    const identities = Array.from({ length: nodes }, () => createIdentity({ seed: this.#random.bytes(32), crypto }))
    this.#ids = identities.map(({ id }) => id)
    this.#nodes = identities.map((_, node) => node)
    this.#living = this.#nodes
    this.#said = this.#nodes.map(() => 0)
    this.#metrics = new SwarmMetrics(
      identities.map(({ id }) => id),
      WARM_FROM,
    )
    this.#network = new SimulatedNetwork({
      ...{ topic: createTopic('swarm', { crypto }), identities, engine, crypto, random: this.#random, jitterMs },
      latencyMs: regionLatency(this.#random),
      onHappening: (happening, at) => this.#metrics.note(happening, at),
    })
    this.#authors = shuffled(this.#nodes, this.#random).slice(0, authors)
    this.#edges = randomOverlay(this.#nodes, degree, this.#random)
  }

  run(): SwarmReport {
    const { records, intervalMs, fault } = this.#plan
    for (const [a, b] of this.#edges) this.#network.connect(a, b)
    const endMs = START_MS + (records + 1) * intervalMs
    for (const author of this.#authors) this.#schedule(author)
    this.#network.at(START_MS + WARM_FROM * intervalMs + 1_000, () => {
      this.#metrics.isWarm = true
    })
    if (fault?.type === 'crash') this.#network.at(START_MS + (records * intervalMs) / 2, () => this.#crash(fault))
    if (fault?.type === 'split') this.#split(fault.parts, endMs)
    this.#network.run(Math.max(endMs, this.#connectedAt) + 60_000)
    return this.#metrics.report({
      ...{ seed: this.#seed, living: this.#living, from: this.#connectedAt, within: WITHIN_MS },
    })
  }

  /** An author says its records at a steady pace, at a moment of its own within it. */
  #schedule(author: number): void {
    const { records, intervalMs } = this.#plan
    const phase = this.#random.below(Math.ceil(intervalMs))
    for (let index = 0; index < records; index++) {
      this.#network.at(START_MS + phase + index * intervalMs, () => {
        if (!this.#living.includes(author)) return
        const seq = this.#said[author] ?? 0
        this.#said[author] = seq + 1
        this.#network.publish(author, [new TextEncoder().encode(textOf(this.#ids[author] as never, seq))])
      })
    }
  }

  #crash({ share, noticedMs: [from, to] = NOTICED_MS }: Extract<SwarmFault, { type: 'crash' }>): void {
    const random = this.#random
    const order = shuffled(this.#nodes, random)
    const gone = order.slice(0, Math.floor(order.length * share))
    const isGone = new Set(gone)
    this.#living = this.#nodes.filter((node) => !isGone.has(node))
    for (const node of gone) this.#network.crash(node)
    const now = this.#network.now
    for (const [a, b] of this.#edges) {
      if (isGone.has(a) === isGone.has(b)) continue
      this.#network.at(now + from + random.below(to - from), () => this.#network.disconnect(a, b))
    }
    for (const node of this.#living) {
      this.#network.at(now + to + random.below(RELINK_MS), () => this.#relink(node))
    }
    this.#connectedAt = now + to + RELINK_MS
  }

  /** A membership that knows who lives, and gives a node that has too few links others. */
  #relink(node: number): void {
    for (let tries = 0; tries < 32 && this.#network.linkedTo(node).length < LEAST_LINKS; tries++) {
      const other = pick(this.#living, this.#random)
      if (other !== node) this.#network.connect(node, other)
    }
  }

  #split(parts: number, endMs: number): void {
    const { records, intervalMs } = this.#plan
    const partOf = new Map(shuffled(this.#nodes, this.#random).map((node, index) => [node, index % parts]))
    const across = this.#edges.filter(([a, b]) => partOf.get(a) !== partOf.get(b))
    const within = Array.from({ length: parts }, (_, part) => this.#nodes.filter((node) => partOf.get(node) === part))
    this.#network.at(START_MS + (records * intervalMs) / 3, () => {
      for (const nodes of within)
        for (const [a, b] of randomOverlay(nodes, 4, this.#random)) this.#network.connect(a, b)
      for (const [a, b] of across) this.#network.disconnect(a, b)
    })
    this.#network.at(endMs, () => {
      this.#metrics.heal()
      for (const [a, b] of across) this.#network.connect(a, b)
    })
    this.#connectedAt = endMs
  }
}
