// A machine of a uTP port, and the applications of its connections: hands each what concerns it.

import type { Random } from '@hearsay/core'
import {
  type ConnectionHandle,
  type Remote,
  type UtpInput,
  type UtpLimits,
  UtpPort,
  type UtpPortOptions,
} from '@hearsay/transport/machine'
import { UtpEnd } from './end.js'

/** What a host asks of the world that it is in. */
export interface Surroundings {
  readonly now: number
  readonly random: Random
  readonly isChecking: boolean
  readonly pieceBytes: number
  carry(from: UtpHost, to: Remote, bytes: Uint8Array): void
}

export interface HostOptions {
  readonly limits?: Partial<UtpLimits>
  /** @default the world's */
  readonly random?: Random
  /** In place of the real one: for planted faults. */
  readonly createPort?: (options: UtpPortOptions) => UtpPort
}

/** A port of uTP that accepts, with the ends of its connections. */
export class UtpHost {
  /** Of connections that are not over. */
  readonly ends: Map<ConnectionHandle, UtpEnd> = new Map()
  /** Of all connections that others have opened, in order. */
  readonly accepted: UtpEnd[] = []
  readonly port: UtpPort
  readonly #world: Surroundings
  readonly name: string
  onAccepted: (end: UtpEnd) => void = () => {}
  sentBytes = 0
  sentPackets = 0
  #clockOffset: number
  #pending: UtpInput[] = []
  #isBusy = false
  #nextHandle = 1

  constructor(world: Surroundings, name: string, options: HostOptions) {
    this.#world = world
    this.name = name
    const port = { random: options.random ?? world.random, limits: options.limits ?? {} }
    this.port = options.createPort?.(port) ?? new UtpPort(port)
    this.#clockOffset = world.random.below(2 ** 32)
    this.input({ type: 'accept', on: true })
  }

  get isChecking(): boolean {
    return this.#world.isChecking
  }

  get pieceBytes(): number {
    return this.#world.pieceBytes
  }

  /** Its own clock, in microseconds: it begins anywhere, as timestamps wrap around. */
  get clock(): number {
    return this.#world.now + this.#clockOffset
  }

  /** When its port wants to be woken, in the world's time. */
  get wakeAt(): number {
    return this.port.wakeAt - this.#clockOffset
  }

  /** Where it is. */
  get remote(): Remote {
    return { host: this.name, port: 1 }
  }

  /** Calls another host; what comes is read. */
  dial(to: UtpHost): UtpEnd {
    const end = new UtpEnd(this, this.#nextHandle++, true)
    this.ends.set(end.handle, end)
    this.input({ type: 'connect', connection: end.handle, remote: to.remote })
    if (end.isReading) this.input({ type: 'read', connection: end.handle, bytes: 65_536 })
    return end
  }

  /** Handles it now and everything that follows, or as soon as what is being handled is. */
  input(input: UtpInput): void {
    this.#pending.push(input)
    if (this.#isBusy) return
    this.#isBusy = true
    while (this.#pending.length > 0) {
      for (const each of this.#pending.splice(0)) this.#handle(each)
      if (this.#pending.length === 0) this.#handle({ type: 'flush' })
    }
    this.#isBusy = false
  }

  #handle(input: UtpInput): void {
    for (const output of this.port.handle(input, this.clock)) {
      if (output.type === 'packet') {
        this.sentBytes += output.bytes.length
        this.sentPackets++
        this.#world.carry(this, output.remote, output.bytes)
        continue
      }
      if (output.type === 'accepted') {
        const end = new UtpEnd(this, output.connection, false)
        end.remote = output.remote
        this.ends.set(end.handle, end)
        this.accepted.push(end)
        this.onAccepted(end)
        if (end.isReading) this.input({ type: 'read', connection: end.handle, bytes: 65_536 })
        continue
      }
      const end = this.ends.get(output.connection)
      if (!end) throw new Error(`${output.type} of nobody`)
      if (output.type === 'data') end.onData(output.bytes)
      else if (output.type === 'closed') {
        this.ends.delete(output.connection)
        end.onClosed(output.failure, this.#world.now)
      } else end.onEvent(output.type)
    }
  }
}
