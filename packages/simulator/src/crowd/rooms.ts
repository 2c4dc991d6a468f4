// The room of a crowd: the gossip engine of each member, over the links that the membership of both ends lets carry it, so that
// what counts is what is delivered. Who brings something new is told to the membership that holds it.

import { type Crypto, createTopic, type PeerId, type Random } from '@hearsay/core'
import type { Engine } from '@hearsay/gossip/machine'
import type { Crowd, CrowdMember } from '../crowd.js'
import { type Happening, SimulatedNetwork } from '../network.js'

/** A membership is told of one neighbour at most so often, as by its driver. */
const TELL_MS = 250

export interface RoomsOptions {
  readonly crowd: Crowd
  readonly engine: (member: CrowdMember) => Engine
  readonly crypto: Crypto
  readonly random: Random
  readonly onHappening?: (happening: Happening, at: number) => void
}

/** Made when all members of the crowd are there: who comes later has no room. */
export class Rooms {
  readonly network: SimulatedNetwork
  readonly #options: RoomsOptions
  readonly #members: readonly CrowdMember[]
  readonly #indexOf = new Map<PeerId, number>()
  /** When a membership was last told of a neighbour, by node and neighbour. */
  readonly #toldAt = new Map<string, number>()

  constructor(options: RoomsOptions) {
    const { crowd, engine, crypto, random } = options
    const members = [...crowd.members]
    this.#options = options
    this.#members = members
    for (const [index, member] of members.entries()) {
      this.#indexOf.set(member.id, index)
      member.onCarried = (peer) => this.#onCarried(member, peer)
    }
    this.network = new SimulatedNetwork({
      topic: createTopic('crowd', { crypto }),
      identities: members.map(({ identity }) => identity),
      engine: (node) => engine(members[node] as CrowdMember),
      crypto,
      random,
      latencyMs: (a, b) => this.#latency(a, b) ?? 0,
      room: { doubts: true },
      onHappening: (happening, at) => this.#note(happening, at),
      onShown: (node, { remote, author }) => crowd.after(0, () => members[node]?.shown(remote, author)),
    })
  }

  publish(member: CrowdMember, payload: Uint8Array): void {
    const node = this.#indexOf.get(member.id) as number
    this.#atOnce(() => this.network.publish(node, [payload]))
  }

  /** Lets so much time pass for the crowd and its room. */
  run(ms: number): void {
    const { crowd } = this.#options
    const until = crowd.now + ms
    while (true) {
      const at = Math.min(this.network.nextAt ?? until, crowd.nextAt ?? until)
      if (at >= until) break
      crowd.run(at - crowd.now)
      this.network.run(at)
    }
    crowd.run(until - crowd.now)
    this.network.run(until)
  }

  #latency(a: number, b: number): number | null {
    const [one, other] = [this.#members[a], this.#members[b]] as [CrowdMember, CrowdMember]
    const latencyMs = one.carries(other.id)
    return other.carries(one.id) === null ? null : latencyMs
  }

  /** The room's channel is open once both let the link carry it and have heard so; it closes when one no longer does. */
  #onCarried(member: CrowdMember, peer: PeerId): void {
    const [a, b] = [this.#indexOf.get(member.id), this.#indexOf.get(peer)]
    if (a === undefined || b === undefined) return
    const latencyMs = this.#latency(a, b)
    if (latencyMs === null) return this.#atOnce(() => this.network.disconnect(a, b))
    this.#options.crowd.after(latencyMs, () => {
      if (this.#latency(a, b) !== null) this.#atOnce(() => this.network.connect(a, b))
    })
  }

  /** By the network's own clock too, which stands where the last thing happened. */
  #atOnce(run: () => void): void {
    this.network.at(this.#options.crowd.now, run)
  }

  #note(happening: Happening, at: number): void {
    const { onHappening, crowd } = this.#options
    onHappening?.(happening, at)
    const member = this.#members[happening.node] as CrowdMember
    if (happening.type === 'misbehaved') {
      const other = this.#members[happening.to] as CrowdMember
      crowd.after(0, () => crowd.cut(member, other))
    }
    if (happening.type === 'published') crowd.after(0, () => member.spoke())
    if (happening.type === 'delivered' && happening.delivery.via) this.#tell(member, happening.delivery.via, at)
  }

  #tell(member: CrowdMember, via: PeerId, at: number): void {
    const key = `${member.id} ${via}`
    if (at < (this.#toldAt.get(key) ?? Number.NEGATIVE_INFINITY) + TELL_MS) return
    this.#toldAt.set(key, at)
    this.#options.crowd.after(0, () => member.brought(via))
  }
}
