// A model of Plumtree (Leitão, Pereira, Rodrigues, "Epidemic Broadcast Trees", SRDS 2007): one tree for all authors. Messages
// are pushed to eager neighbours, a duplicate prunes its sender, lazy neighbours are told ids, and what is told of and does not
// come is asked for, which grafts. For comparison in simulations only.

import type { MachineContext, PeerHandle } from '@hearsay/gossip/machine'
import type { SimulatedEngine } from '../engines.js'
import { idsIn, MODEL_FRAMES, type ModelFrame } from './model-frames.js'
import { type Known, ModelMachine } from './model-machine.js'

/** How long a push is waited for; the second time a neighbour is asked, half of it (the paper's two timers). */
const TIMEOUT_MS = 250
const AGAIN_MS = 125

/** Plumtree without its optimisation step. */
export function plumtreeModel(): SimulatedEngine {
  const createMachine = (context: MachineContext): Plumtree => new Plumtree(context)
  return {
    name: 'plumtree',
    engine: { name: 'plumtree', limits: {}, createMachine },
    frames: MODEL_FRAMES,
    rests: true,
    confirms: false,
  }
}

interface Missing {
  readonly tellers: PeerHandle[]
  dueAt: number
}

class Plumtree extends ModelMachine {
  readonly #eager = new Set<PeerHandle>()
  readonly #missing = new Map<string, Missing>()

  protected get deadline(): number | null {
    let due: number | null = null
    for (const { dueAt } of this.#missing.values()) due = due === null ? dueAt : Math.min(due, dueAt)
    return due
  }

  protected onUp(peer: PeerHandle): void {
    this.#eager.add(peer)
  }

  protected onDown(peer: PeerHandle): void {
    this.#eager.delete(peer)
    for (const { tellers } of this.#missing.values()) {
      const at = tellers.indexOf(peer)
      if (at >= 0) tellers.splice(at, 1)
    }
  }

  protected onNew(message: Known, from: PeerHandle | null): void {
    this.#missing.delete(message.key)
    if (from !== null) this.#eager.add(from)
    for (const peer of this.peers) {
      if (peer === from) continue
      if (this.#eager.has(peer)) this.send(peer, 'record', { message })
      else this.send(peer, 'ihave', { keys: [message.key] })
    }
  }

  protected onDuplicate(_message: Known, from: PeerHandle): void {
    this.#eager.delete(from)
    this.send(from, 'prune')
  }

  protected onFrame({ kind, body }: ModelFrame, from: PeerHandle, now: number): void {
    if (kind === 'prune') this.#eager.delete(from)
    for (const key of idsIn(body)) {
      if (kind === 'ihave') this.#onTold(key, from, now)
      if (kind !== 'graft') continue
      this.#eager.add(from)
      const message = this.known.get(key)
      if (message) this.send(from, 'record', { message })
    }
  }

  protected onTime(now: number): void {
    for (const [key, missing] of this.#missing) {
      if (missing.dueAt > now) continue
      const peer = missing.tellers.shift()
      if (peer === undefined) this.#missing.delete(key)
      else {
        this.#eager.add(peer)
        this.send(peer, 'graft', { keys: [key] })
        missing.dueAt = now + AGAIN_MS
      }
    }
  }

  #onTold(key: string, from: PeerHandle, now: number): void {
    if (this.known.has(key)) return
    const missing = this.#missing.get(key) ?? { tellers: [], dueAt: now + TIMEOUT_MS }
    this.#missing.set(key, missing)
    missing.tellers.push(from)
  }
}
