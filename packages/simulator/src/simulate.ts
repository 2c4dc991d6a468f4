// One run: a random overlay, authors that publish, links that fail and come back, all decided by a seed.

import { type Crypto, createIdentity, createTopic, type Random, seededRandom, sodiumCrypto } from '@hearsay/core'
import { type Engine, flood } from '@hearsay/gossip/machine'
import { Audit, type Tally, textOf } from './audit.js'
import { type Happening, SimulatedNetwork } from './network.js'
import { Trace } from './trace.js'

export interface SimulateOptions {
  /** Decides everything that is random. */
  readonly seed: number
  /** @default 20 */
  readonly nodes?: number
  /** Links a node dials on average, beside the ring that keeps all connected. @default 2 */
  readonly degree?: number
  /** Messages published, by random nodes at random times. @default 200 */
  readonly messages?: number
  /** Links that fail during the run and come back up to a second later. @default 0 */
  readonly cuts?: number
  /** @default flood() */
  readonly engine?: Engine
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
}

export interface SimulationReport extends Tally {
  readonly seed: number
  readonly nodes: number
  /** Deliveries that are due: every message at every other node. */
  readonly expected: number
  readonly missed: number
  /** 32 hexadecimal digits that change with anything that happened, and when: equal for equal seeds on every machine. */
  readonly trace: string
}

/** The time in which messages are published and links fail, in ms. */
const BUSY_MS = 10_000
/** By then everything must have settled. */
const END_MS = 60_000

/** Runs one simulation to its end. */
export function simulate(options: SimulateOptions): SimulationReport {
  const { seed, nodes = 20, degree = 2, messages = 200, cuts = 0, engine = flood(), crypto = sodiumCrypto() } = options
  const random = seededRandom(seed)
  const identities = Array.from({ length: nodes }, () => createIdentity({ seed: random.bytes(32), crypto }))
  const ids = identities.map(({ id }) => id)
  const audit = new Audit(ids)
  const numbers = new Map(ids.map((id, node) => [id, node]))
  const trace = new Trace((author) => numbers.get(author) ?? -1)
  const onHappening = (happening: Happening, at: number): void => {
    audit.note(happening)
    trace.note(happening, at)
  }
  const topic = createTopic('simulation', { crypto })
  const network = new SimulatedNetwork({ topic, identities, engine, crypto, random, latencyMs: [1, 80], onHappening })
  const links = overlayOf(nodes, degree, random)
  for (const [a, b] of links) network.connect(a, b)
  const said = identities.map(() => 0)
  for (let index = 0; index < messages; index++) {
    const node = random.below(nodes)
    network.at(1_000 + random.below(BUSY_MS), () => {
      const { id } = identities[node] as (typeof identities)[number]
      network.publish(node, [new TextEncoder().encode(textOf(id, said[node] ?? 0))])
      said[node] = (said[node] ?? 0) + 1
    })
  }
  scheduleCuts(network, links, { cuts, random })
  if (!network.run(END_MS)) audit.tally.violations.push(`not at rest after ${END_MS} ms`)
  const expected = messages * (nodes - 1)
  return { seed, nodes, expected, missed: audit.missing(), trace: trace.end(), ...audit.tally }
}

/** A ring, so that all are connected, and random chords. */
function overlayOf(nodes: number, degree: number, random: Random): readonly (readonly [number, number])[] {
  const links = Array.from({ length: nodes }, (_, node) => [node, (node + 1) % nodes] as const)
  for (let chord = 0; chord < nodes * (degree - 1); chord++) links.push([random.below(nodes), random.below(nodes)])
  return links.filter(([a, b]) => a !== b)
}

function scheduleCuts(
  network: SimulatedNetwork,
  links: readonly (readonly [number, number])[],
  { cuts, random }: { readonly cuts: number; readonly random: Random },
): void {
  if (links.length === 0) return
  for (let cut = 0; cut < cuts; cut++) {
    const [a, b] = links[random.below(links.length)] as readonly [number, number]
    const at = 1_000 + random.below(BUSY_MS)
    network.at(at, () => network.disconnect(a, b))
    network.at(at + 1 + random.below(1_000), () => network.connect(a, b))
  }
}
