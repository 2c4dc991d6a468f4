// Nodes that run the very machines that the sockets run, joined by links with latency. Links are what transports promise:
// reliable and in order while they last; what is in flight when one is cut is lost.

import type { Crypto, Delivery, Gap, Identity, PeerId, Random, Topic } from '@hearsay/core'
import type { Engine, Input, Machine, Output, PeerHandle } from '@hearsay/gossip/machine'
import { resolveLimits } from '@hearsay/gossip/machine'
import { EventQueue } from './event-queue.js'

/** What a node did, in the order it happened. */
export type Happening =
  | { readonly type: 'delivered'; readonly node: number; readonly delivery: Omit<Delivery, 'receivedAt'> }
  | { readonly type: 'gap'; readonly node: number; readonly gap: Gap }
  | { readonly type: 'published'; readonly node: number; readonly from: number; readonly to: number }
  | { readonly type: 'sent'; readonly node: number; readonly bytes: number; readonly frame: Uint8Array }
  | { readonly type: 'misbehaved'; readonly node: number; readonly code: string }

export interface NetworkOptions {
  readonly topic: Topic
  readonly identities: readonly Identity[]
  /** One for all, or one for each node. */
  readonly engine: Engine | ((node: number) => Engine)
  readonly crypto: Crypto
  readonly random: Random
  /** One-way latency of a link in ms: drawn once for each link from [low, high), or told by its ends. */
  readonly latencyMs: readonly [low: number, high: number] | ((a: number, b: number) => number)
  /** A frame takes up to so many ms longer, by chance; order on a link is kept. @default 0 */
  readonly jitterMs?: number
  /** How much each direction of a link carries; frames wait for each other. @default as much as is sent */
  readonly bytesPerMs?: number
  readonly onHappening: (happening: Happening, at: number) => void
}

type Event =
  | { readonly type: 'arrive'; readonly link: SimulatedLink; readonly to: number; readonly frame: Uint8Array }
  | { readonly type: 'timer'; readonly node: number }
  | { readonly type: 'act'; readonly run: () => void }

interface SimulatedLink {
  readonly ends: readonly [number, number]
  readonly handles: readonly [PeerHandle, PeerHandle]
  readonly latencyMs: number
  /** When the last frame to each end arrives. */
  readonly lastAt: [number, number]
  /** When the line to each end is free. */
  readonly freeAt: [number, number]
  up: boolean
}

/** Frames never wait for window here: flow control has its own tests. */
const WINDOW_BYTES = 2 ** 40

export class SimulatedNetwork {
  readonly #options: NetworkOptions
  readonly #machines: readonly Machine[]
  readonly #queue = new EventQueue<Event>()
  readonly #links = new Map<string, SimulatedLink>()
  readonly #byHandle = new Map<PeerHandle, SimulatedLink>()
  /** When each node wants its timer; what was asked for before is void. */
  readonly #wakes: (number | null)[]
  readonly #crashed = new Set<number>()
  #nextHandle = 1
  #now = 0

  constructor(options: NetworkOptions) {
    this.#options = options
    this.#wakes = options.identities.map(() => null)
    const { topic, crypto, engine } = options
    this.#machines = options.identities.map((author, node) => {
      const own = typeof engine === 'function' ? engine(node) : engine
      return own.createMachine({ topic, author, epoch: 1, crypto, limits: resolveLimits(own.limits) })
    })
  }

  get now(): number {
    return this.#now
  }

  /** Calls `run` at a virtual time; at once if that is over. */
  at(time: number, run: () => void): void {
    this.#queue.add(Math.max(time, this.#now), { type: 'act', run })
  }

  /** Links two nodes, unless they are linked. */
  connect(a: number, b: number): void {
    const key = keyOf(a, b)
    if (this.#links.has(key)) return
    if (this.#crashed.has(a) || this.#crashed.has(b)) return
    const latencyMs = this.#drawLatency(a, b)
    const link: SimulatedLink = {
      ends: [a, b],
      handles: [this.#nextHandle++, this.#nextHandle++],
      latencyMs,
      lastAt: [0, 0],
      freeAt: [0, 0],
      up: true,
    }
    this.#links.set(key, link)
    for (const side of [0, 1] as const) {
      this.#byHandle.set(link.handles[side], link)
      const remote = this.#idOf(link.ends[1 - side] as number)
      this.#feed(link.ends[side], { type: 'peer-up', peer: link.handles[side], remote, window: WINDOW_BYTES })
    }
  }

  /** Cuts the link between two nodes, if there is one. */
  disconnect(a: number, b: number): void {
    const link = this.#links.get(keyOf(a, b))
    if (link) this.#cut(link)
  }

  /** The node vanishes without a word: others notice when somebody cuts its links. What it sent is on its way. */
  crash(node: number): void {
    this.#crashed.add(node)
  }

  /** Nodes that this one has links with, crashed ones too until they are cut. */
  linkedTo(node: number): number[] {
    return [...this.#links.values()].flatMap(({ ends: [a, b] }) => (a === node ? [b] : b === node ? [a] : []))
  }

  publish(node: number, payloads: readonly Uint8Array[]): void {
    this.#feed(node, { type: 'publish', payloads, wall: Math.floor(this.#now) })
  }

  /** Runs until nothing is left to happen, or `until` has passed; answers whether all was done. */
  run(until: number): boolean {
    while ((this.#queue.nextAt ?? Number.POSITIVE_INFINITY) <= until) {
      const next = this.#queue.take()
      if (next) this.#happen(next)
    }
    return this.#queue.size === 0
  }

  #happen({ at, event }: { readonly at: number; readonly event: Event }): void {
    this.#now = at
    if (event.type === 'act') event.run()
    else if (event.type === 'timer') {
      if (this.#wakes[event.node] === at) this.#feed(event.node, { type: 'timer' })
    } else if (event.link.up) {
      const side = event.link.ends[0] === event.to ? 0 : 1
      this.#feed(event.to, { type: 'frame', peer: event.link.handles[side], frame: event.frame })
    }
  }

  #feed(node: number, input: Input): void {
    if (this.#crashed.has(node)) return
    const machine = this.#machines[node] as Machine
    for (const output of machine.handle(input, this.#now)) this.#carryOut(node, output)
  }

  #carryOut(node: number, output: Output): void {
    const tell = (happening: Happening): void => this.#options.onHappening(happening, this.#now)
    switch (output.type) {
      case 'send':
        tell({ type: 'sent', node, bytes: output.frame.byteLength, frame: output.frame })
        return this.#send(node, output.peer, output.frame)
      case 'deliver':
        return tell({ type: 'delivered', node, delivery: output.delivery })
      case 'gap':
        return tell({ type: 'gap', node, gap: output.gap })
      case 'published':
        return tell({ type: 'published', node, from: output.from, to: output.to })
      case 'wake':
        this.#wakes[node] = output.at === null ? null : Math.max(output.at, this.#now)
        if (output.at !== null) this.#queue.add(Math.max(output.at, this.#now), { type: 'timer', node })
        return
      case 'misbehaved': {
        tell({ type: 'misbehaved', node, code: output.code })
        const link = this.#byHandle.get(output.peer)
        // Not at once: a machine's outputs are all carried out before its next input.
        if (link) this.at(this.#now, () => this.#cut(link))
        return
      }
    }
  }

  /** No frame arrives before an earlier one, and the queue keeps order where times are equal. */
  #send(from: number, peer: PeerHandle, frame: Uint8Array): void {
    const link = this.#byHandle.get(peer)
    if (!link?.up) return
    const side = link.ends[0] === from ? 1 : 0
    const { jitterMs = 0, bytesPerMs = Number.POSITIVE_INFINITY, random } = this.#options
    link.freeAt[side] = Math.max(link.freeAt[side], this.#now) + frame.byteLength / bytesPerMs
    const delayMs = link.latencyMs + (jitterMs > 0 ? random.below(jitterMs + 1) : 0)
    link.lastAt[side] = Math.max(link.lastAt[side], link.freeAt[side] + delayMs)
    this.#queue.add(link.lastAt[side], { type: 'arrive', link, to: link.ends[side], frame })
  }

  #cut(link: SimulatedLink): void {
    if (!link.up) return
    link.up = false
    this.#links.delete(keyOf(...link.ends))
    for (const side of [0, 1] as const) {
      this.#byHandle.delete(link.handles[side])
      this.#feed(link.ends[side], { type: 'peer-down', peer: link.handles[side] })
    }
  }

  #drawLatency(a: number, b: number): number {
    const { latencyMs, random } = this.#options
    if (typeof latencyMs === 'function') return latencyMs(a, b)
    const [low, high] = latencyMs
    return low + random.below(Math.max(1, high - low))
  }

  #idOf(node: number): PeerId {
    return (this.#options.identities[node] as Identity).id
  }
}

function keyOf(a: number, b: number): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
