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
  | { readonly type: 'sent'; readonly node: number; readonly bytes: number }
  | { readonly type: 'misbehaved'; readonly node: number; readonly code: string }

export interface NetworkOptions {
  readonly topic: Topic
  readonly identities: readonly Identity[]
  readonly engine: Engine
  readonly crypto: Crypto
  readonly random: Random
  /** One-way latency of a link in ms, drawn once for each link from [low, high). */
  readonly latencyMs: readonly [low: number, high: number]
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
  #nextHandle = 1
  #now = 0

  constructor(options: NetworkOptions) {
    this.#options = options
    const { topic, crypto, engine } = options
    const limits = resolveLimits(engine.limits)
    this.#machines = options.identities.map((author) =>
      engine.createMachine({ topic, author, epoch: 1, crypto, limits }),
    )
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
    const [low, high] = this.#options.latencyMs
    const latencyMs = low + this.#options.random.below(Math.max(1, high - low))
    const link: SimulatedLink = { ends: [a, b], handles: [this.#nextHandle++, this.#nextHandle++], latencyMs, up: true }
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

  publish(node: number, payloads: readonly Uint8Array[]): void {
    this.#feed(node, { type: 'publish', payloads, wall: this.#now })
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
    else if (event.type === 'timer') this.#feed(event.node, { type: 'timer' })
    else if (event.link.up) {
      const side = event.link.ends[0] === event.to ? 0 : 1
      this.#feed(event.to, { type: 'frame', peer: event.link.handles[side], frame: event.frame })
    }
  }

  #feed(node: number, input: Input): void {
    const machine = this.#machines[node] as Machine
    for (const output of machine.handle(input, this.#now)) this.#carryOut(node, output)
  }

  #carryOut(node: number, output: Output): void {
    const tell = (happening: Happening): void => this.#options.onHappening(happening, this.#now)
    switch (output.type) {
      case 'send':
        tell({ type: 'sent', node, bytes: output.frame.byteLength })
        return this.#send(node, output.peer, output.frame)
      case 'deliver':
        return tell({ type: 'delivered', node, delivery: output.delivery })
      case 'gap':
        return tell({ type: 'gap', node, gap: output.gap })
      case 'published':
        return tell({ type: 'published', node, from: output.from, to: output.to })
      case 'wake':
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

  /** A link's latency never changes, so equal delays and the queue's order keep frames in order. */
  #send(from: number, peer: PeerHandle, frame: Uint8Array): void {
    const link = this.#byHandle.get(peer)
    if (!link?.up) return
    const to = link.ends[0] === from ? link.ends[1] : link.ends[0]
    this.#queue.add(this.#now + link.latencyMs, { type: 'arrive', link, to, frame })
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

  #idOf(node: number): PeerId {
    return (this.#options.identities[node] as Identity).id
  }
}

function keyOf(a: number, b: number): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
