// Ports of uTP and a packet network between them in virtual time: seeded links with delay, jitter, loss, reordering,
// duplication, corruption, a rate and a queue; applications that write, read, stop and go away. One seed decides everything.

import { type Random, seededRandom } from '@hearsay/core'
import type { Remote } from '@hearsay/transport/machine'
import { EventQueue } from '../event-queue.js'
import { type HostOptions, UtpHost } from './host.js'
import { type PacketLinkOptions, PacketWire } from './wire.js'

/** Hosts and the links between them; nothing happens before `run`. Time is in microseconds. */
export class UtpWorld {
  now = 0
  /** Bytes of one write of an application. */
  pieceBytes = 16_384
  /** Whether every byte is checked, which takes its time. */
  isChecking = true
  readonly random: Random
  /** By name; who is removed is gone without a word. */
  readonly hosts: Map<string, UtpHost> = new Map()
  readonly #agenda = new EventQueue<() => void>()
  readonly #wires = new Map<string, PacketWire>()
  /** Links that are used for the first time from now on. */
  link: PacketLinkOptions
  /** Packets to hosts that are not there. */
  onLostPacket: (to: Remote, bytes: Uint8Array) => void = () => {}

  constructor(seed: number, link: PacketLinkOptions = {}) {
    this.random = seededRandom(seed)
    this.link = link
  }

  /** A new host, that others find by its name. */
  host(name: string, options: HostOptions = {}): UtpHost {
    const host = new UtpHost(this, name, options)
    this.hosts.set(name, host)
    return host
  }

  /** The wire from one host to another. */
  wire(from: string, to: string): PacketWire {
    const key = `${from}>${to}`
    const wire = this.#wires.get(key) ?? new PacketWire(this.link)
    this.#wires.set(key, wire)
    return wire
  }

  /** All these hosts' packets to `to` share one wire, and its queue. */
  share(froms: readonly string[], to: string, options: PacketLinkOptions): PacketWire {
    const wire = new PacketWire(options)
    for (const from of froms) this.#wires.set(`${from}>${to}`, wire)
    return wire
  }

  /** A host sends a packet. */
  carry(from: UtpHost, to: Remote, bytes: Uint8Array): void {
    this.wire(from.name, to.host).carry(this, from.name, bytes, (arrived) => this.deliver(from.remote, to, arrived))
  }

  /** A packet arrives, whoever sent it. */
  deliver(from: Remote, to: Remote, bytes: Uint8Array): void {
    const host = this.hosts.get(to.host)
    if (host) host.input({ type: 'packet', remote: from, bytes })
    else this.onLostPacket(to, bytes)
  }

  /** Calls `run` at a time; at once if that is over. */
  at(time: number, run: () => void): void {
    this.#agenda.add(Math.max(time, this.now), run)
  }

  /** Lets time pass until `until` microseconds, or until nothing happens any more or `isDone`. */
  run(until: number, isDone: () => boolean = () => false): void {
    while (!isDone()) {
      let waker: UtpHost | null = null
      let at = this.#agenda.nextAt ?? Number.POSITIVE_INFINITY
      for (const host of this.hosts.values()) {
        if (host.wakeAt < at) {
          at = host.wakeAt
          waker = host
        }
      }
      if (at > until) break
      this.now = Math.max(this.now, Math.ceil(at))
      if (waker) waker.input({ type: 'timer' })
      else this.#agenda.take()?.event()
    }
    if (until !== Number.POSITIVE_INFINITY && !isDone()) this.now = Math.max(this.now, until)
  }
}
