// What a scenario says: the shape of the JSON files in `scenarios/`, and of the objects that programs give. docs/simulator.md
// describes each member; reading.ts checks them.

/** A simulation but for its seed and engine. Times are virtual milliseconds; `atMs` counts from the first publication. */
export interface Scenario {
  /** Lower-case letters, digits and hyphens. */
  readonly name: string
  /** A sentence for people. @default '' */
  readonly about: string
  /** 2 to 10,000. @default 100 */
  readonly nodes: number
  /** Links of a node on average, 2 to 64. @default 6.5 */
  readonly degree: number
  /** Nodes that publish, 1 to `nodes`. @default 5 */
  readonly authors: number
  /** Records of each author, 1 to 100,000. @default 10 */
  readonly records: number
  /** Time between two records of one author. @default 500 */
  readonly intervalMs: number
  /** Bytes of a payload at least; it has about 40 anyway. @default 0 */
  readonly payloadBytes: number
  /** Messages that an author says at once, 1 to 1,000. @default 1 */
  readonly batch: number
  /** Of what so many of the authors say every so many messages is so large; null for none. @default null */
  readonly large: { readonly every: number; readonly bytes: number; readonly authors: number } | null
  /** How long a hole is waited for before it is told as a gap; null as the engine has it (1,000). @default null */
  readonly holdMs: number | null
  /** How long everything that is due may take once faults are over and those who lost links have others. @default 30_000 */
  readonly settleMs: number
  readonly room: RoomRules
  /** Questions, answers and messages to one neighbour, beside what is published; null for none. @default null */
  readonly queries: QueryOptions | null
  readonly path: PathOptions
  readonly faults: readonly Fault[]
  readonly adversaries: readonly Adversaries[]
  readonly expect: Expectations
}

/** How nodes joined, and what their applications want. */
export interface RoomRules {
  /** What those who start again ask for of what was said before. @default 'live' */
  readonly since: 'live' | 'all'
  /** @default 'author' */
  readonly order: 'author' | 'causal'
  /** So many of the authors are no members, and nobody else is to hear them; 0 for a room without members. @default 0 */
  readonly outsiders: number
  /** Of what an author says every so many messages is ignored by every application; null: nothing is judged. @default null */
  readonly ignoreEvery: number | null
  /** The same, but rejected: of nobody more than seven times, or nobody listens to it for a minute. @default null */
  readonly rejectEvery: number | null
  /** Messages that a node retains; null as simulated engines do (2,000). @default null */
  readonly capacity: number | null
  /** Bytes that it retains, and that large records on their way to it may take; null as rooms do (64 MiB). @default null */
  readonly capacityBytes: number | null
  /** Authors and epochs that it follows; null as rooms do (65,536). @default null */
  readonly follows: number | null
}

export interface QueryOptions {
  /** Of honest nodes, by chance; 1 to 1,000, one after another. */
  readonly count: number
  /** Between two. @default 500 */
  readonly everyMs: number
  /** Links to cross, 1 to 32. @default 16 */
  readonly hops: number
  /** How long an asker waits. @default 2_000 */
  readonly waitMs: number
  /** Of nodes, this share answers only after the asker has given up. @default 0 */
  readonly late: number
}

/** What the packets of every link suffer; chances from 0 to 0.9. */
export interface PathOptions {
  /** One-way latency: regions of the world, or drawn for each link from [at least, below). @default 'regions' */
  readonly latencyMs: 'regions' | readonly [number, number]
  readonly loss: number
  readonly duplicate: number
  readonly reorder: number
  readonly jitterMs: number
  /** Null for a line that takes everything at once. @default null */
  readonly bytesPerMs: number | null
}

/** What strikes, when, whom. A `share` is of the honest nodes (of the links, where links are struck), from 0 to 1. */
export type Fault =
  /** They vanish at once, without a word. */
  | { readonly type: 'crash'; readonly share: number; readonly atMs: number }
  /** The room falls into so many parts that cannot reach each other. */
  | { readonly type: 'split'; readonly parts: number; readonly atMs: number; readonly forMs: number }
  /** Links break and are made again within seconds. */
  | { readonly type: 'cut'; readonly share: number; readonly atMs: number; readonly forMs: number }
  /** Links carry bytes in one direction only. */
  | { readonly type: 'one-way'; readonly share: number; readonly atMs: number; readonly forMs: number }
  /** Links take so much longer than before. */
  | {
      readonly type: 'slow'
      readonly share: number
      readonly atMs: number
      readonly forMs: number
      readonly byMs: number
    }
  /** They are stopped (SIGSTOP) and go on. */
  | { readonly type: 'freeze'; readonly share: number; readonly atMs: number; readonly forMs: number }
  /** Every so often one that does not publish leaves, crashes or comes back with nothing. */
  | { readonly type: 'churn'; readonly everyMs: number; readonly atMs: number; readonly forMs: number }
  /** They crash and start again, with their stored state lost, as of an older backup, or kept with all that they heard. */
  | {
      readonly type: 'restart'
      readonly share: number
      readonly atMs: number
      readonly forMs: number
      readonly state: 'lost' | 'stale' | 'kept'
    }
  /** Their wall clocks are set so far ahead, or behind. */
  | { readonly type: 'clock'; readonly share: number; readonly atMs: number; readonly byMs: number }

export type FaultType = Fault['type']

/** Nodes that lie; what each kind does is in `adversaries/`. */
export interface Adversaries {
  readonly type: AdversaryType
  /** Of all nodes. */
  readonly share: number
  /** From here on they are as they are; they behave before. @default 0 */
  readonly atMs: number
}

export const ADVERSARY_TYPES = [
  'dropper',
  'censor',
  'liar',
  'sleeper',
  'forger',
  'replayer',
  'equivocator',
  'recanter',
  'splicer',
  'flooder',
  'sybil',
  'miser',
  'grafter',
  'lax',
] as const

export type AdversaryType = (typeof ADVERSARY_TYPES)[number]

/** The most that may be; beyond it the run has failed. Null: not looked at. */
export interface Expectations {
  /** Deliveries that are due and were not made. @default 0 */
  readonly missed: number
  /** Copies of a record beyond the first, by delivery, once trees are warm. @default null */
  readonly redundancy: number | null
  /** Latency of 99 in 100 deliveries. @default null */
  readonly p99Ms: number | null
  /** Bytes of all frames but records, by delivery. @default null */
  readonly controlBytes: number | null
  /** Latency of 99 in 100 deliveries of authors that say nothing large. @default null */
  readonly smallP99Ms: number | null
  /** Bytes of all frames, by delivery. @default null */
  readonly bytes: number | null
}
