// What was asked, answered and told, and who was to hear it: the truth that the talk of a run is held against. Nobody is asked
// twice, or from further away than the question goes; answers come to who asked, as they were given, once, and in time; and
// a message to one neighbour to that one.

import type { PeerId } from '@hearsay/core'
import type { QueryOutput } from '@hearsay/gossip/machine'

export interface QuestionsContext {
  readonly ids: readonly PeerId[]
  /** Nodes whose answers come too late. */
  readonly late: ReadonlySet<number>
  /** True if every answer is due that has a way. */
  readonly isWhole: boolean
  isHonest(node: number): boolean
  linkedTo(node: number): readonly number[]
  onViolation(violation: string): void
}

interface Asked {
  readonly by: number
  readonly words: string
  readonly hops: number
  readonly until: number
  /** How many links away each node is. */
  readonly distances: ReadonlyMap<number, number>
  /** Nodes whose answers are due. */
  readonly due: ReadonlySet<number>
  readonly asked: Set<number>
  readonly answered: Set<number>
}

type OutputOf<Type extends QueryOutput['type']> = Extract<QueryOutput, { type: Type }>

/** Answers to one question that a node passes back at most. */
const MAX_ANSWERS = 1_024
/** Questions that one neighbour may bring at once, and in a second after that. */
const BURST = 100
const PER_SECOND = 20
/** Where the id stands in a signed question or answer. */
const ID = [32, 48] as const

export class Questions {
  readonly #context: QuestionsContext
  readonly #nodeOf = new Map<string, number>()
  readonly #asked = new Map<string, Asked>()
  /** How many answers each node passed back, by node and question. */
  readonly #passed = new Map<string, number>()
  /** How many questions each neighbour brought since when, by both. */
  readonly #brought = new Map<string, { count: number; readonly since: number }>()
  /** Messages to one neighbour: what, and whether it came and was confirmed. */
  readonly #told = new Map<string, { readonly words: string; cameOften: number; isTaken: boolean }>()
  answers = 0

  constructor(context: QuestionsContext) {
    this.#context = context
    for (const [node, id] of context.ids.entries()) this.#nodeOf.set(id, node)
  }

  get count(): number {
    return this.#asked.size
  }

  nodeOf(id: PeerId): number {
    return this.#nodeOf.get(id) ?? -1
  }

  /** A node asks; answers what. */
  ask(
    by: number,
    { id, hops, number, from, until }: { id: Uint8Array; hops: number; number: number; from: number; until: number },
  ): Uint8Array {
    const { isHonest, late } = this.#context
    const honest = this.#distances(by, isHonest)
    // The fastest way may be twice as long as the shortest one, and takes its time twice.
    const isDue = ([node, distance]: readonly [number, number]): boolean =>
      node !== by && 2 * distance <= Math.max(2, hops) && !late.has(node) && until - from >= 1_000
    const due = new Set([...honest].filter(isDue).map(([node]) => node))
    const words = `question ${number} of node ${by}`
    const distances = this.#distances(by, () => true)
    this.#asked.set(id.join(), { by, words, hops, until, distances, due, asked: new Set(), answered: new Set() })
    return encode(words)
  }

  /** The node began anew, and does not know what it was asked: it may be asked again. */
  forget(node: number): void {
    for (const { asked } of this.#asked.values()) asked.delete(node)
  }

  /** What this node answers. */
  answer(node: number, id: Uint8Array): Uint8Array {
    return encode(this.#answerOf(node, id))
  }

  /** A message from one node to a neighbour; answers what. */
  tell(by: number, to: number, number: number): Uint8Array {
    const words = `word ${number} of node ${by} to node ${to}`
    this.#told.set(`${by} ${to} ${number}`, { words, cameOften: 0, isTaken: false })
    return encode(words)
  }

  onGiven(node: number, { id, author, data, hops, via }: OutputOf<'query'>, now: number): void {
    const { isHonest } = this.#context
    if (!isHonest(node)) return
    this.#count(node, this.nodeOf(via), now)
    const by = this.nodeOf(author)
    if (!isHonest(by)) return
    const asked = this.#asked.get(id.join())
    if (asked?.by !== by || asked.words !== decode(data))
      return this.#violated(`node ${node} was asked what node ${by} never asked`)
    if (asked.asked.has(node)) return this.#violated(`node ${node} was asked twice by node ${by}`)
    asked.asked.add(node)
    const distance = asked.distances.get(node) ?? Number.POSITIVE_INFINITY
    if (hops > asked.hops || (this.#context.isWhole && distance > asked.hops))
      this.#violated(
        `node ${node} was asked from ${Math.max(hops, distance)} links away, at most ${asked.hops} allowed`,
      )
  }

  onAnswered(node: number, { id, author, data }: OutputOf<'answered'>, now: number): void {
    const { isHonest } = this.#context
    const [asked, by] = [this.#asked.get(id.join()), this.nodeOf(author)]
    if (!isHonest(node)) return
    if (asked?.by !== node) return this.#violated(`node ${node} was answered what it never asked`)
    if (now > asked.until) return this.#violated(`node ${node} was answered after its question was over`)
    this.answers++
    if (!isHonest(by)) return
    if (decode(data) !== this.#answerOf(by, id))
      return this.#violated(`node ${node} was answered other bytes than node ${by} signed`)
    if (asked.answered.has(by)) this.#violated(`node ${node} was answered twice by node ${by}`)
    asked.answered.add(by)
  }

  /** The node passes an answer back. */
  onPassed(node: number, answer: Uint8Array): void {
    if (!this.#context.isHonest(node)) return
    const key = `${node} ${answer.subarray(...ID).join()}`
    const passed = (this.#passed.get(key) ?? 0) + 1
    this.#passed.set(key, passed)
    if (passed === MAX_ANSWERS + 1) this.#violated(`node ${node} passed back more than ${MAX_ANSWERS} answers`)
  }

  onTold(node: number, { by, number, data }: { by: number; number: number; data: Uint8Array }): void {
    const told = this.#told.get(`${by} ${node} ${number}`)
    if (!this.#context.isHonest(by)) return
    if (told?.words !== decode(data)) return this.#violated(`node ${node} was told what node ${by} never told it`)
    if (++told.cameOften > 1) this.#violated(`node ${node} was told twice by node ${by}`)
  }

  onTaken(node: number, by: number, number: number): void {
    const told = this.#told.get(`${node} ${by} ${number}`)
    if (told) told.isTaken = true
  }

  onMisbehaved(node: number, to: number, code: string): void {
    const { isHonest } = this.#context
    if (isHonest(node) && isHonest(to)) this.#violated(`node ${node} took honest node ${to} for hostile: ${code}`)
  }

  /** What did not come. */
  conclude(): readonly string[] {
    if (!this.#context.isWhole) return []
    let [missing, untaken] = [0, 0]
    for (const { due, answered } of this.#asked.values()) for (const node of due) if (!answered.has(node)) missing++
    for (const { isTaken } of this.#told.values()) if (!isTaken) untaken++
    return [
      ...(missing > 0 ? [`${missing} answers did not come`] : []),
      ...(untaken > 0 ? [`${untaken} messages to one neighbour were not taken`] : []),
    ]
  }

  #count(node: number, by: number, now: number): void {
    const key = `${node} ${by}`
    const brought = this.#brought.get(key) ?? { count: 0, since: now }
    this.#brought.set(key, brought)
    const most = BURST + (PER_SECOND * (now - brought.since)) / 1_000
    if (++brought.count > most + 1) this.#violated(`node ${node} takes ${brought.count} questions from node ${by}`)
  }

  /** How many links away each node is, over nodes that fit. */
  #distances(from: number, isTaken: (node: number) => boolean): ReadonlyMap<number, number> {
    const distances = new Map([[from, 0]])
    for (const [node, distance] of distances) {
      for (const next of this.#context.linkedTo(node))
        if (!distances.has(next) && isTaken(next)) distances.set(next, distance + 1)
    }
    return distances
  }

  #answerOf(node: number, id: Uint8Array): string {
    return `answer of node ${node} to ${id.join()}`
  }

  #violated(violation: string): void {
    this.#context.onViolation(violation)
  }
}

function encode(words: string): Uint8Array {
  return new TextEncoder().encode(words)
}

function decode(words: Uint8Array): string {
  return new TextDecoder().decode(words)
}
