// What this node says about itself: its announced topics in groups of 32, each group an instance under a random label.
// A label stands for exactly one content: when a topic joins or leaves, or the hour is over, it is replaced. So who knows
// a label knows all that it stands for, and nobody can follow a node by it.

import { type Crypto, type Random, saltedTopicHash, type Topic } from '@hearsay/core'
import { LABEL_BYTES, MAX_TOPICS_PER_INSTANCE, type MdnsInstance, SALT_BYTES, TTL_S } from './message.js'

/** Eight packets an answer are enough: what 256 topics need; those that joined after them are not announced. */
export const MAX_OWN_INSTANCES = 8
/** Labels of ours that may still come back to us. */
const MAX_RETIRED_LABELS = 64

interface Announced {
  readonly topic: Topic
  readonly port: number
}

interface Group {
  readonly content: string
  readonly instance: MdnsInstance
}

export class OwnInstances {
  readonly #random: Random
  readonly #crypto: Crypto
  readonly #announced = new Map<number, Announced>()
  readonly #retired = new Set<string>()
  #salt: Uint8Array
  #groups: Group[] = []
  #settled = true

  constructor(random: Random, crypto: Crypto) {
    this.#random = random
    this.#crypto = crypto
    this.#salt = random.bytes(SALT_BYTES)
  }

  /** How many topics are announced. */
  get size(): number {
    return this.#announced.size
  }

  get instances(): MdnsInstance[] {
    return this.#groups.map(({ instance }) => instance)
  }

  get labels(): string[] {
    return this.instances.map(({ label }) => label)
  }

  isOwn(label: string): boolean {
    return this.#retired.has(label) || this.labels.includes(label)
  }

  /** Announces the topic of a session from the next `settle` on. */
  add(session: number, announced: Announced): void {
    this.#announced.set(session, announced)
    this.#settled = false
  }

  /** Announces it no longer from the next `settle` on. */
  remove(session: number): void {
    if (this.#announced.delete(session)) this.#settled = false
  }

  clear(): void {
    this.#announced.clear()
    this.#settled = false
  }

  /** Makes the instances fit the announced topics; answers the labels that this has ended. Many changes cost one. */
  settle(): string[] {
    if (this.#settled) return []
    this.#settled = true
    const before = this.#groups
    this.#groups = this.#chunks().map((chunk) => {
      const content = chunk.map(([session]) => session).join()
      return before.find((group) => group.content === content) ?? { content, instance: this.#instance(chunk) }
    })
    const ended = before.filter((group) => !this.#groups.includes(group)).map(({ instance }) => instance.label)
    this.#retire(ended)
    return ended
  }

  /** Takes a new salt and new labels; answers the old ones. */
  rotate(): string[] {
    const ended = this.labels
    this.#salt = this.#random.bytes(SALT_BYTES)
    this.#groups = []
    this.#settled = false
    this.#retire(ended)
    this.settle()
    return ended
  }

  /** An instance has one port, so topics are grouped by it. */
  #chunks(): [number, Announced][][] {
    const all = [...this.#announced]
    const ports = [...new Set(all.map(([, { port }]) => port))]
    const chunks = ports.flatMap((port) => {
      const same = all.filter(([, announced]) => announced.port === port)
      const count = Math.ceil(same.length / MAX_TOPICS_PER_INSTANCE)
      return Array.from({ length: count }, (_, i) =>
        same.slice(i * MAX_TOPICS_PER_INSTANCE, (i + 1) * MAX_TOPICS_PER_INSTANCE),
      )
    })
    return chunks.slice(0, MAX_OWN_INSTANCES)
  }

  #instance(chunk: readonly [number, Announced][]): MdnsInstance {
    const salt = this.#salt
    return {
      label: Buffer.from(this.#random.bytes(LABEL_BYTES)).toString('hex'),
      port: chunk[0]?.[1].port ?? 0,
      salt,
      hashes: chunk.map(([, { topic }]) => saltedTopicHash(topic, salt, this.#crypto)),
      ttlMs: TTL_S * 1_000,
    }
  }

  #retire(labels: readonly string[]): void {
    for (const label of labels) this.#retired.add(label)
    for (const label of this.#retired) {
      if (this.#retired.size <= MAX_RETIRED_LABELS) break
      this.#retired.delete(label)
    }
  }
}
