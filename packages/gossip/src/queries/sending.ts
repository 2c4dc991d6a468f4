// Questions and answers on their way to the neighbours: this file owns the timers of what waits, and tells what is lost.

import type { Clock, Timer, TopicChannels } from '@hearsay/core'
import { GossipError } from '../errors.js'
import { Backlog, type Lost } from './backlog.js'
import type { QueryOutput } from './machine.js'

export interface SendingOptions {
  readonly channels: TopicChannels
  readonly clock: Clock
  readonly warn: (error: unknown) => void
}

interface Way {
  readonly backlog: Backlog
  timer: Timer | null
}

export class Sending {
  readonly #options: SendingOptions
  readonly #ways = new Map<number, Way>()

  constructor(options: SendingOptions) {
    this.#options = options
  }

  up(handle: number): void {
    const backlog = new Backlog(this.#options.clock.now(), (lost) => this.#onLost(handle, lost))
    this.#ways.set(handle, { backlog, timer: null })
  }

  down(handle: number): void {
    this.#ways.get(handle)?.timer?.cancel()
    this.#ways.delete(handle)
  }

  send({ peer, what, from, frame, until }: Extract<QueryOutput, { type: 'send' }>): void {
    this.#ways.get(peer)?.backlog.add(what, { from, frame, until })
    this.flush(peer)
  }

  /** The neighbour can take more, or its time has come. */
  flush(handle: number): void {
    const { clock } = this.#options
    const way = this.#ways.get(handle)
    if (!way) return
    const { backlog } = way
    backlog.flush((frame) => this.#transmit(handle, frame), clock.now())
    const at = backlog.wakeAt(clock.now())
    way.timer?.cancel()
    way.timer = at === null ? null : clock.setTimer(at - clock.now(), () => this.flush(handle))
  }

  close(): void {
    for (const handle of [...this.#ways.keys()]) this.down(handle)
  }

  /** What the link cannot carry at all is not tried for ever. */
  #transmit(handle: number, frame: Uint8Array): boolean {
    try {
      return this.#options.channels.get(handle)?.channel.send(frame) ?? false
    } catch (error) {
      this.#options.warn(error)
      return true
    }
  }

  #onLost(handle: number, { what, why }: Lost): void {
    const peer = this.#options.channels.get(handle)?.link.remote
    const things = what === 'query' ? 'questions' : 'answers'
    const reason = why === 'full' ? 'too much waits for it' : 'their time was over before it took them'
    this.#options.warn(new GossipError('ERR_LIMIT', `${things} for ${peer} are lost: ${reason}`))
  }
}
