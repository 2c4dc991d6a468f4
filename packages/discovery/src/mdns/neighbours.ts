// Instances that were heard of on the local networks, and until when to believe them. Bounded for each source and in all:
// those that have no topic of ours make room first, and among them the one heard longest ago.

import { isLoopback } from './interfaces.js'
import type { MdnsInstance } from './message.js'

/** An instance and where it was heard. */
export interface Neighbour {
  readonly instance: MdnsInstance
  /** Which of our interfaces heard it. */
  readonly interface: string
  /** The packet's source, which is on-link. */
  readonly source: string
  /** The source is an address of this machine, where any number of nodes may live. */
  readonly here: boolean
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
/** How many of them of one other machine: eight nodes with all the instances that a node can have. */
export const MAX_OF_SOURCE = 64

/**
 * Where to dial: the packet's source, whatever its records say, so that nobody can send others to a third host. Only a node
 * of this machine may name another loopback address than the one that it speaks from.
 */
export function hostOf({ source, instance }: Neighbour): string {
  return isLoopback(source) && instance.loopback !== undefined ? instance.loopback : source
}

export class Neighbours {
  readonly #byName = new Map<string, Neighbour>()
  readonly #counts = new Map<string, number>()

  get size(): number {
    return this.#byName.size
  }

  /** What is known under this name, if it says the same. */
  same(source: string, instance: MdnsInstance): Neighbour | null {
    const known = this.#byName.get(toKey({ source, label: instance.label }))
    return known && isSameInstance(known.instance, instance) ? known : null
  }

  put(neighbour: Neighbour): void {
    const { source, here } = neighbour
    this.take({ source, label: neighbour.instance.label })
    if (!here && (this.#counts.get(source) ?? 0) >= MAX_OF_SOURCE) this.#makeRoom((one) => one.source === source)
    if (this.#byName.size >= MAX_NEIGHBOURS) this.#makeRoom(() => true)
    this.#byName.set(toKey({ source, label: neighbour.instance.label }), neighbour)
    this.#counts.set(source, (this.#counts.get(source) ?? 0) + 1)
  }

  /** Forgets the neighbour and answers it, or null. */
  take(name: NeighbourName): Neighbour | null {
    const key = toKey(name)
    const neighbour = this.#byName.get(key) ?? null
    if (!neighbour) return null
    this.#byName.delete(key)
    const left = (this.#counts.get(name.source) ?? 1) - 1
    if (left > 0) this.#counts.set(name.source, left)
    else this.#counts.delete(name.source)
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
    for (const neighbour of [...this.#byName.values()]) if (neighbour.interface === gone) this.#forget(neighbour)
  }

  /** A session that has ended shares nothing. */
  forgetSession(session: number): void {
    for (const { sharedBy } of this.#byName.values()) sharedBy.delete(session)
  }

  #makeRoom(among: (neighbour: Neighbour) => boolean): void {
    let oldest: Neighbour | null = null
    for (const neighbour of this.#byName.values()) {
      if (!among(neighbour)) continue
      if (neighbour.sharedBy.size === 0) return this.#forget(neighbour)
      oldest ??= neighbour
    }
    if (oldest) this.#forget(oldest)
  }

  #forget({ source, instance }: Neighbour): void {
    this.take({ source, label: instance.label })
  }
}

function isSameInstance(a: MdnsInstance, b: MdnsInstance): boolean {
  if (a.port !== b.port || a.loopback !== b.loopback || a.hashes.length !== b.hashes.length) return false
  return isSame(a.salt, b.salt) && a.hashes.every((hash, i) => isSame(hash, b.hashes[i]))
}

function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0
}

function toKey({ source, label }: NeighbourName): string {
  return `${label}@${source}`
}
