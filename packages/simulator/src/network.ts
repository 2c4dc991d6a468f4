// Nodes that run the very machines that the sockets run, joined by links with latency. Links are what transports promise:
// reliable and in order while they last; what is in flight when one is cut is lost. What packets suffer shows as delay
// (network/path.ts).

import type { Identity, PeerId } from '@hearsay/core'
import type { Input, Output, PeerHandle } from '@hearsay/gossip/machine'
import { EventQueue } from './event-queue.js'
import { Carriage } from './network/carriage.js'
import type { Happening } from './network/happening.js'
import { keyOf, type Lane, type Parcel, SimulatedLink, WINDOW_BYTES } from './network/link.js'
import { Lives } from './network/lives.js'
import type { SimulatedNode } from './network/node.js'
import { drawLatency, type NetworkOptions } from './network/options.js'
import { Path } from './network/path.js'

export type { Happening } from './network/happening.js'
export type { NetworkOptions } from './network/options.js'
export type { PathFaults } from './network/path.js'

type Event =
  | { readonly type: 'arrive'; readonly lane: Lane; readonly parcel: Parcel }
  | { readonly type: 'timer'; readonly node: SimulatedNode }
  | { readonly type: 'act'; readonly run: () => void }

/** How often a machine may be woken at one moment. */
const MAX_WAKES = 10_000
/** How long an application thinks about a record. */
const VERDICT_MS = 20

export class SimulatedNetwork {
  readonly #options: NetworkOptions
  readonly #lives: Lives
  readonly #nodes: readonly SimulatedNode[]
  readonly #queue = new EventQueue<Event>()
  readonly #links = new Map<string, SimulatedLink>()
  /** By node, in the order in which links were made. */
  readonly #linksOf: readonly Set<SimulatedLink>[]
  readonly #byHandle = new Map<PeerHandle, Lane>()
  readonly #banned = new Set<string>()
  #nextHandle = 1
  #now = 0
  #isStopped = false
  readonly #carriage: Carriage

  constructor(options: NetworkOptions) {
    this.#options = options
    this.#linksOf = options.identities.map(() => new Set())
    this.#lives = new Lives(options)
    this.#nodes = this.#lives.nodes
    this.#carriage = new Carriage({
      options,
      now: () => this.#now,
      at: (time, run) => this.at(time, run),
      arrives: (at, lane, parcel) => this.#queue.add(at, { type: 'arrive', lane, parcel }),
      feed: (node, input) => this.#feed(this.#nodeAt(node), input),
      cut: (link) => this.#cut(link),
    })
  }

  /** Bytes sent and not handled yet: the most that there were on all links, and on one direction of one. */
  get memory(): { readonly total: number; readonly ofOneLink: number } {
    return this.#carriage.memory
  }

  get now(): number {
    return this.#now
  }

  /** The nodes, to be looked at; what happens to them is this class's. */
  get nodes(): readonly SimulatedNode[] {
    return this.#nodes
  }

  /** Calls `run` at a virtual time; at once if that is over. */
  at(time: number, run: () => void): void {
    this.#queue.add(Math.max(time, this.#now), { type: 'act', run })
  }

  /** Links two nodes, unless they are linked, or one is gone, out of reach or shut out; answers whether it did. */
  connect(a: number, b: number): boolean {
    const key = keyOf(a, b)
    if (a === b || this.#links.has(key) || this.#banned.has(key) || !this.canTalk(a, b)) return false
    const { random, windowBytes = WINDOW_BYTES, jitterMs = 0, path } = this.#options
    const latencyMs = drawLatency(this.#options, [a, b])
    const makePath = (): Path => new Path(latencyMs, random, { jitterMs, ...path })
    const handles = [this.#nextHandle++, this.#nextHandle++] as const
    const link = new SimulatedLink([a, b], handles, [makePath(), makePath()], windowBytes)
    this.#links.set(key, link)
    this.#options.onLink?.({ ends: link.ends, isUp: true, latencyMs })
    for (const lane of link.lanes) {
      this.#linksOf[lane.from]?.add(link)
      this.#byHandle.set(lane.fromHandle, lane)
      const remote = this.#idOf(lane.to)
      this.#feed(this.#nodeAt(lane.from), { type: 'peer-up', peer: lane.fromHandle, remote, window: windowBytes })
    }
    return true
  }

  /** Cuts the link between two nodes, if there is one. */
  disconnect(a: number, b: number): void {
    const link = this.#links.get(keyOf(a, b))
    if (link) this.#cut(link)
  }

  /** From now on what crosses the link between two nodes, if there is one, takes so much longer than when it was made. */
  slow(a: number, b: number, byMs: number): void {
    for (const { path } of this.#links.get(keyOf(a, b))?.lanes ?? []) path.slowerMs = byMs
  }

  /** The node vanishes without a word: others notice when somebody cuts its links. What it sent is on its way. */
  crash(node: number): void {
    const one = this.#nodeAt(node)
    one.isCrashed = true
    one.inbox = null
  }

  /** A new process of the same identity in a new epoch, which knows what its store kept, or nothing; its links are gone. */
  restart(node: number, store: 'lost' | 'kept' = 'lost'): void {
    for (const link of [...(this.#linksOf[node] ?? [])]) this.#cut(link)
    const one = this.#nodeAt(node)
    const restored = this.#lives.begin(one, store, this.#now)
    if (restored) this.#feed(one, restored)
  }

  /** Stops the node as SIGSTOP does: what happens to it waits, window is not given back, timers are late. */
  freeze(node: number): void {
    const one = this.#nodeAt(node)
    if (!one.isCrashed) one.inbox ??= []
  }

  thaw(node: number): void {
    const one = this.#nodeAt(node)
    const inbox = one.inbox ?? []
    one.inbox = null
    for (const input of inbox) this.#feed(one, input)
  }

  /** Sets the node's wall clock so many ms ahead (behind, if negative) of where it is. */
  stepClock(node: number, byMs: number): void {
    this.#nodeAt(node).wallOffsetMs += byMs
  }

  /** What the node's clock shows, as far as a date can tell. */
  wallOf(node: number): number {
    return this.#lives.wallOf(this.#nodeAt(node), this.#now)
  }

  /** True if both are at work and bytes get through both ways. */
  canTalk(a: number, b: number): boolean {
    const { reach } = this.#options
    if (!this.#nodeAt(a).isAtWork || !this.#nodeAt(b).isAtWork) return false
    return reach === undefined || (reach(a, b) && reach(b, a))
  }

  isLinked(a: number, b: number): boolean {
    return this.#links.has(keyOf(a, b))
  }

  /** What `reach` answers has changed: what was held back and can pass arrives one latency later. */
  reachChanged(): void {
    for (const link of this.#links.values()) for (const lane of link.lanes) this.#carriage.release(lane)
  }

  /** Nodes that this one has links with, crashed ones too until they are cut. */
  linkedTo(node: number): number[] {
    return Array.from(this.#linksOf[node] ?? [], ({ ends: [a, b] }) => (a === node ? b : a))
  }

  publish(node: number, payloads: readonly Uint8Array[]): void {
    const one = this.#nodeAt(node)
    this.#feed(one, { type: 'publish', payloads, wall: this.wallOf(node) })
  }

  /** Ends the run that is under way, after the event that is. */
  stop(): void {
    this.#isStopped = true
  }

  /** When the next thing happens; undefined if nothing will. */
  get nextAt(): number | undefined {
    return this.#queue.nextAt
  }

  /** Runs until nothing is left to happen, or `until` has passed; answers whether all was done. */
  run(until: number): boolean {
    while (!this.#isStopped && (this.#queue.nextAt ?? Number.POSITIVE_INFINITY) <= until) {
      const next = this.#queue.take()
      if (next) this.#happen(next)
    }
    return this.#queue.size === 0
  }

  #happen({ at, event }: { readonly at: number; readonly event: Event }): void {
    this.#now = at
    if (event.type === 'act') event.run()
    else if (event.type === 'arrive') this.#carriage.arrive(event.lane, event.parcel)
    else if (event.node.wakeAt === at) this.#onTimer(event.node)
  }

  /** A machine whose timer is due at once, again and again, would stop the time. */
  #onTimer(node: SimulatedNode): void {
    if (node.wake(this.#now) < MAX_WAKES) return this.#feed(node, { type: 'timer' })
    this.#options.onHappening({ type: 'broke', node: node.index, rule: 'it is woken without end' }, this.#now)
    this.#isStopped = true
  }

  #feed(node: SimulatedNode, input: Input): void {
    if (node.isCrashed) return
    if (node.inbox) {
      node.inbox.push(input)
      return
    }
    if (input.type === 'peer-up') node.open.add(input.peer)
    if (input.type === 'peer-down') node.open.delete(input.peer)
    for (const output of node.machine.handle(input, this.#now)) this.#carryOut(node, output)
    if (input.type === 'frame') this.#onHandled(input.peer, input.frame.byteLength)
  }

  #carryOut(source: SimulatedNode, output: Output): void {
    const node = source.index
    const tell = (happening: Happening): void => this.#options.onHappening(happening, this.#now)
    switch (output.type) {
      case 'send':
        return this.#send(source, output.peer, output.frame)
      case 'deliver':
        return tell({ type: 'delivered', node, delivery: output.delivery })
      case 'published':
      case 'confirmed':
      case 'gap':
      case 'fork':
      case 'drop':
        return tell({ ...output, node })
      case 'shown':
        return this.#options.onShown?.(node, output)
      case 'keep':
        return void source.kept.push({ record: output.record, receivedAt: this.wallOf(node), at: this.#now })
      case 'judge':
        return this.#judge(source, output)
      case 'wake':
        return this.#wake(source, output.at)
      case 'blocked':
        return this.#onBlocked(output.peer)
      case 'misbehaved':
        return this.#onMisbehaved(node, output)
    }
  }

  /** The application takes its time, and answers the machine that asked, should it still be there. */
  #judge(node: SimulatedNode, { ticket, deliveries }: Extract<Output, { type: 'judge' }>): void {
    const { machine } = node
    const verdict = this.#options.verdict?.(node.index, deliveries) ?? 'accept'
    this.at(this.#now + VERDICT_MS, () => {
      if (node.machine === machine) this.#feed(node, { type: 'verdict', ticket, verdict })
    })
  }

  #wake(node: SimulatedNode, at: number | null): void {
    node.wakeAt = at === null ? null : Math.max(at, this.#now)
    if (node.wakeAt !== null) this.#queue.add(node.wakeAt, { type: 'timer', node })
  }

  #onMisbehaved(node: number, { peer, code, message, ban }: Extract<Output, { type: 'misbehaved' }>): void {
    const lane = this.#byHandle.get(peer)
    if (!lane) return
    const isMute = !lane.link.back(lane).isHeard
    this.#options.onHappening({ type: 'misbehaved', node, to: lane.to, code, message, ban, isMute }, this.#now)
    if (ban) this.#banned.add(keyOf(lane.from, lane.to))
    // Not at once: a machine's outputs are all carried out before its next input.
    this.at(this.#now, () => this.#cut(lane.link))
  }

  #send({ index: node, open }: SimulatedNode, peer: PeerHandle, frame: Uint8Array): void {
    const { onHappening } = this.#options
    if (!open.has(peer)) onHappening({ type: 'broke', node, rule: 'a frame to who is gone' }, this.#now)
    const lane = this.#byHandle.get(peer)
    if (!lane?.link.up) return
    // The guard of a real channel ends the link as well.
    if (lane.credit <= 0) {
      onHappening({ type: 'broke', node, rule: 'a frame beyond the window' }, this.#now)
      this.at(this.#now, () => this.#cut(lane.link))
      return
    }
    onHappening({ type: 'sent', node, to: lane.to, bytes: frame.byteLength, frame }, this.#now)
    this.#carriage.send(lane, frame)
  }

  #onHandled(peer: PeerHandle, bytes: number): void {
    const own = this.#byHandle.get(peer)
    if (own) this.#carriage.handled(own.link.back(own), bytes)
  }

  #onBlocked(peer: PeerHandle): void {
    const lane = this.#byHandle.get(peer)
    if (lane) this.#carriage.blocked(lane)
  }

  #cut(link: SimulatedLink): void {
    if (!link.up) return
    link.up = false
    this.#links.delete(keyOf(...link.ends))
    this.#options.onLink?.({ ends: link.ends, isUp: false, latencyMs: 0 })
    for (const lane of link.lanes) {
      this.#linksOf[lane.from]?.delete(link)
      this.#byHandle.delete(lane.fromHandle)
      this.#carriage.lost(lane)
      this.#feed(this.#nodeAt(lane.from), { type: 'peer-down', peer: lane.fromHandle })
    }
  }

  #nodeAt(node: number): SimulatedNode {
    return this.#nodes[node] as SimulatedNode
  }

  #idOf(node: number): PeerId {
    return (this.#options.identities[node] as Identity).id
  }
}
