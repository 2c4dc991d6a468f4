// Machines joined by links as they are: with latency, a rate, and a byte window that the receiver grants again when a frame
// has arrived; cut and made again at random; with timers that fire a little early. A seed decides everything.

import { createIdentity, createTopic, type Identity, type Random, seededRandom } from '@hearsay/core'
import { simulatedCrypto } from '@hearsay/core/memory'
import { decodeFrame, type Engine, type Machine, type Output, resolveLimits } from '../src/machine.js'
import { DueQueue } from '../src/repair/due-queue.js'
import type { Since } from '../src/since.js'

const WINDOW_BYTES = 262_144
/** More than any of these runs needs; a machine that wakes itself without end needs more. */
const MAX_EVENTS = 400_000

interface WorldLink {
  readonly ends: readonly [number, number]
  readonly handles: readonly [number, number]
  readonly latencyMs: number
  readonly bytesPerMs: number
  /** When the last frame to each end has arrived, and when each end's line is free. */
  readonly lastAt: [number, number]
  readonly freeAt: [number, number]
  /** What may be sent by each end; what was taken and not granted again. */
  readonly credit: [number, number]
  readonly owed: [number, number]
  up: boolean
}

export interface Heard {
  readonly author: string
  readonly seq: number
  readonly size: number
}

export class World {
  readonly random: Random
  readonly heard: Heard[][] = []
  readonly gaps: string[] = []
  readonly faults: string[] = []
  readonly drops: string[] = []
  /** Own messages: handed to somebody, confirmed by somebody. */
  readonly published: number[] = []
  readonly pushed: Set<number>[] = []
  readonly confirmed: Set<number>[] = []
  /** Frames that crossed links: whole records, and parts of large ones. */
  records = 0
  parts = 0
  now = 0
  events = 0
  readonly ids: Identity[] = []
  readonly #machines: Machine[] = []
  readonly #wakes: (number | null)[] = []
  readonly #queue = new DueQueue<() => void>()
  readonly links: WorldLink[] = []
  readonly #byHandle = new Map<number, WorldLink>()
  readonly #blocked = new Set<number>()
  #nextHandle = 1

  constructor(seed: number, engines: readonly Engine[], since: (node: number) => Since = () => 'live') {
    this.random = seededRandom(seed)
    const crypto = simulatedCrypto(this.random)
    const topic = createTopic('world')
    for (const [node, engine] of engines.entries()) {
      const author = createIdentity({ seed: new Uint8Array(32).fill(node + 1), crypto })
      const limits = resolveLimits(engine.limits)
      this.ids.push(author)
      this.#machines.push(engine.createMachine({ topic, author, epoch: 1, crypto, limits, since: since(node) }))
      this.#wakes.push(null)
      this.heard.push([])
      this.published.push(0)
      this.pushed.push(new Set())
      this.confirmed.push(new Set())
    }
  }

  get size(): number {
    return this.#machines.length
  }

  at(time: number, run: () => void): void {
    this.#queue.add(Math.max(time, this.now), run)
  }

  linked(a: number, b: number): boolean {
    return this.links.some(({ ends, up }) => up && ends.includes(a) && ends.includes(b))
  }

  link(a: number, b: number, { latencyMs = 5.3, bytesPerMs = 1e4 } = {}): void {
    const link: WorldLink = {
      ...{ ends: [a, b], handles: [this.#nextHandle++, this.#nextHandle++], latencyMs, bytesPerMs, up: true },
      ...{ lastAt: [0, 0], freeAt: [0, 0], credit: [WINDOW_BYTES, WINDOW_BYTES], owed: [0, 0] },
    }
    this.links.push(link)
    for (const side of [0, 1] as const) {
      const peer = link.handles[side]
      this.#byHandle.set(peer, link)
      // The two sides do not learn of it in one moment.
      this.at(this.now + this.random.below(3), () => {
        const remote = (this.ids[link.ends[side ^ 1] as number] as Identity).id
        if (link.up) this.#feed(link.ends[side], { type: 'peer-up', peer, remote, window: link.credit[side] })
      })
    }
    // What is sent before the other side is up waits for it.
    link.lastAt[0] = link.lastAt[1] = this.now + 4
  }

  cut(link: WorldLink): void {
    if (!link.up) return
    link.up = false
    for (const side of [0, 1] as const) {
      this.at(this.now + this.random.below(30), () =>
        this.#feed(link.ends[side], { type: 'peer-down', peer: link.handles[side] }),
      )
    }
  }

  publish(node: number, sizes: readonly number[]): void {
    const payloads = sizes.map((size) => new Uint8Array(size))
    this.#feed(node, { type: 'publish', payloads, wall: Math.floor(this.now) })
  }

  run(until: number): void {
    while (this.#queue.nextAt <= until) {
      if (++this.events > MAX_EVENTS) throw new Error('it never comes to rest')
      this.now = Math.max(this.now, this.#queue.nextAt)
      this.#queue.take(this.now)?.()
    }
    this.now = until
  }

  #feed(node: number, input: Parameters<Machine['handle']>[0]): void {
    for (const output of (this.#machines[node] as Machine).handle(input, this.now)) this.#do(node, output)
  }

  #do(node: number, output: Output): void {
    switch (output.type) {
      case 'send':
        return this.#send(output.peer, output.frame)
      case 'blocked':
        this.#blocked.add(output.peer)
        return this.#refill(node, output.peer)
      case 'deliver':
        this.heard[node]?.push({
          author: output.delivery.author,
          seq: output.delivery.seq,
          size: output.delivery.payload.byteLength,
        })
        return
      case 'published':
        this.published[node] = output.to
        return
      case 'pushed':
        for (let seq = output.from; seq < output.to; seq++) this.pushed[node]?.add(seq)
        return
      case 'confirmed':
        for (let seq = output.from; seq < output.to; seq++) this.confirmed[node]?.add(seq)
        return
      case 'gap':
        this.gaps.push(`${node}: ${this.#nameOf(output.gap.author)} ${output.gap.from}-${output.gap.to} at ${this.now}`)
        return
      case 'drop':
        this.drops.push(`${node}`)
        return
      case 'misbehaved':
        this.faults.push(`${node}: ${output.code} ${output.message}`)
        return
      case 'wake':
        return this.#wake(node, output.at)
      default:
    }
  }

  #nameOf(author: string): number {
    return this.ids.findIndex(({ id }) => id === author)
  }

  /** Now and then up to a millisecond too early, as Node's. */
  #wake(node: number, at: number | null): void {
    this.#wakes[node] = at
    if (at === null) return
    const early = at - this.now > 1 ? this.random.below(10) / 10 : 0
    this.at(at - early, () => {
      if (this.#wakes[node] !== at) return
      this.#wakes[node] = null
      this.#feed(node, { type: 'timer' })
    })
  }

  #send(peer: number, frame: Uint8Array): void {
    const link = this.#byHandle.get(peer)
    if (!link?.up) return
    const side = link.handles[0] === peer ? 0 : 1
    if (link.credit[side] <= 0) throw new Error('a frame beyond the window')
    const { type } = decodeFrame(frame)
    if (type === 'record') this.records++
    if (type === 'part') this.parts++
    link.credit[side] -= frame.byteLength
    link.freeAt[side] = Math.max(link.freeAt[side], this.now) + frame.byteLength / link.bytesPerMs
    link.lastAt[side] = Math.max(link.lastAt[side], link.freeAt[side] + link.latencyMs)
    this.at(link.lastAt[side], () => {
      if (!link.up) return
      const other = (side ^ 1) as 0 | 1
      this.#feed(link.ends[other], { type: 'frame', peer: link.handles[other], frame })
      link.owed[side] += frame.byteLength
      if (link.owed[side] >= WINDOW_BYTES / 2) this.#grant(link, side)
    })
  }

  #grant(link: WorldLink, side: 0 | 1): void {
    const bytes = link.owed[side]
    link.owed[side] = 0
    this.at(this.now + link.latencyMs, () => {
      link.credit[side] += bytes
      if (link.up) this.#refill(link.ends[side], link.handles[side])
    })
  }

  #refill(node: number, peer: number): void {
    const link = this.#byHandle.get(peer)
    const bytes = link?.credit[link.handles[0] === peer ? 0 : 1] ?? 0
    if (bytes <= 0 || !this.#blocked.delete(peer)) return
    this.at(this.now, () => {
      const left = link?.credit[link.handles[0] === peer ? 0 : 1] ?? 0
      if (left > 0 && link?.up) this.#feed(node, { type: 'window', peer, bytes: left })
      else this.#blocked.add(peer)
    })
  }
}
