// Instances that were heard of on the local networks, and until when to believe them. Bounded: the one heard longest ago
// makes room.

import type { MdnsInstance } from './message.js'

/** An instance and where it was heard. */
export interface Neighbour {
  readonly instance: MdnsInstance
  /** Which of our interfaces heard it. */
  readonly interface: string
  /** The packet's source, which is on-link. */
  readonly source: string
  readonly heardAt: number
  /** The sessions of ours that have one of its topics. */
  readonly sharedBy: Set<number>
}

/** What names a neighbour: the same label from another source is another neighbour, so nobody can say goodbye for it. */
export interface NeighbourName {
  readonly source: string
  readonly label: string
}

/** How many instances are remembered. */
export const MAX_NEIGHBOURS = 1_024

export class Neighbours {
  readonly #byName = new Map<string, Neighbour>()

  get size(): number {
    return this.#byName.size
  }

  put(neighbour: Neighbour): void {
    const key = toKey({ source: neighbour.source, label: neighbour.instance.label })
    this.#byName.delete(key)
    const [oldest] = this.#byName.keys()
    if (oldest !== undefined && this.#byName.size >= MAX_NEIGHBOURS) this.#byName.delete(oldest)
    this.#byName.set(key, neighbour)
  }

  /** Forgets the neighbour and answers it, or null. */
  take(name: NeighbourName): Neighbour | null {
    const key = toKey(name)
    const neighbour = this.#byName.get(key) ?? null
    this.#byName.delete(key)
    return neighbour
  }

  /** Those that are still to be believed, heard longest ago first. */
  alive(now: number): Neighbour[] {
    return [...this.#byName.values()].filter(({ heardAt, instance }) => now < heardAt + instance.ttlMs)
  }

  /** Those heard on an interface so recently that they need not answer again (RFC 6762 §7.1: half their time is left). */
  fresh(on: string, now: number): Neighbour[] {
    return this.alive(now).filter(
      ({ interface: heardOn, heardAt, instance }) => heardOn === on && now < heardAt + instance.ttlMs / 2,
    )
  }

  /** Forgets what was heard on an interface that is gone. */
  forgetInterface(gone: string): void {
    for (const [key, neighbour] of this.#byName) if (neighbour.interface === gone) this.#byName.delete(key)
  }
}

function toKey({ source, label }: NeighbourName): string {
  return `${label}@${source}`
}
