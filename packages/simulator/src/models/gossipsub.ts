// A model of gossipsub v1.1 (libp2p specs, pubsub/gossipsub): a mesh of about six eager neighbours for everything, and every
// heartbeat ids of what is new to some of the others, who ask for what they lack. For comparison in simulations only: no
// scores, no peer exchange, and a list of what comes in order, which gossipsub leaves to its user.

import type { MachineContext, PeerHandle } from '@hearsay/gossip/machine'
import type { SimulatedEngine } from '../engines.js'
import { idsIn, MODEL_FRAMES, type ModelFrame } from './model-frames.js'
import { type Known, ModelMachine } from './model-machine.js'

/** The specification's defaults: D, D_lo, D_hi, D_lazy, gossip_factor, heartbeat, mcache_gossip. */
const DEGREE = 6
const DEGREE_LOW = 4
const DEGREE_HIGH = 12
const LAZY_DEGREE = 6
const GOSSIP_SHARE = 0.25
const HEARTBEAT_MS = 1_000
const GOSSIP_HEARTBEATS = 3
/** prune_backoff is a minute. */
const BACKOFF_MS = 60_000

/** Gossipsub, as far as its dissemination goes. */
export function gossipsubModel(): SimulatedEngine {
  const createMachine = (context: MachineContext): Gossipsub => new Gossipsub(context)
  return {
    name: 'gossipsub',
    engine: { name: 'gossipsub', limits: {}, createMachine },
    frames: MODEL_FRAMES,
    rests: false,
    confirms: false,
  }
}

class Gossipsub extends ModelMachine {
  readonly #mesh = new Set<PeerHandle>()
  readonly #backoff = new Map<PeerHandle, number>()
  #heartbeatAt: number | null = null
  /** A choice that needs no randomness of its own: turns through the neighbours. */
  #turn = 0

  protected get deadline(): number | null {
    return this.#heartbeatAt
  }

  protected onUp(peer: PeerHandle, now: number): void {
    // Not all at once: where in the second a node's heartbeat is depends on whom it met.
    this.#heartbeatAt ??= now + 1 + ((peer * 7_919) % HEARTBEAT_MS)
    // A join grafts at once; later neighbours wait for the heartbeat.
    if (this.#mesh.size < DEGREE) this.#graft(peer)
  }

  protected onDown(peer: PeerHandle): void {
    this.#mesh.delete(peer)
    this.#backoff.delete(peer)
  }

  protected onNew(message: Known, from: PeerHandle | null): void {
    // Flood publishing (v1.1): own messages go to everybody.
    const to = from === null ? this.peers : this.#mesh
    for (const peer of to) if (peer !== from) this.send(peer, 'record', { message })
  }

  protected onDuplicate(): void {}

  protected onFrame({ kind, body }: ModelFrame, from: PeerHandle, now: number): void {
    if (kind === 'graft') {
      if (this.#mesh.size >= DEGREE_HIGH) this.send(from, 'prune')
      else this.#mesh.add(from)
    } else if (kind === 'prune') {
      this.#mesh.delete(from)
      this.#backoff.set(from, now + BACKOFF_MS)
    } else if (kind === 'ihave') {
      const keys = idsIn(body).filter((key) => !this.known.has(key))
      if (keys.length > 0) this.send(from, 'iwant', { keys })
    } else if (kind === 'iwant') {
      for (const key of idsIn(body)) {
        const message = this.known.get(key)
        if (message) this.send(from, 'record', { message })
      }
    }
  }

  protected onTime(now: number): void {
    this.#heartbeatAt = now + HEARTBEAT_MS
    this.#turn++
    const others = this.#turned([...this.peers].filter((peer) => !this.#mesh.has(peer)))
    if (this.#mesh.size < DEGREE_LOW) {
      for (const peer of others) {
        if (this.#mesh.size < DEGREE && (this.#backoff.get(peer) ?? 0) <= now) this.#graft(peer)
      }
    }
    if (this.#mesh.size > DEGREE_HIGH) {
      for (const peer of this.#turned([...this.#mesh]).slice(DEGREE)) {
        this.#mesh.delete(peer)
        this.send(peer, 'prune')
      }
    }
    const recent = [...this.known.values()].filter(({ at }) => at > now - GOSSIP_HEARTBEATS * HEARTBEAT_MS)
    if (recent.length === 0) return
    const keys = recent.map(({ key }) => key)
    const told = others.filter((peer) => !this.#mesh.has(peer))
    for (const peer of told.slice(0, Math.max(LAZY_DEGREE, Math.floor(told.length * GOSSIP_SHARE))))
      this.send(peer, 'ihave', { keys })
  }

  #graft(peer: PeerHandle): void {
    this.#mesh.add(peer)
    this.send(peer, 'graft')
  }

  #turned(list: readonly PeerHandle[]): readonly PeerHandle[] {
    const at = list.length === 0 ? 0 : this.#turn % list.length
    return [...list.slice(at), ...list.slice(0, at)]
  }
}
