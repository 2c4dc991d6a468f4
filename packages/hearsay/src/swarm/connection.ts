// One peer of a swarm: the topics shared with it, its stream, and what may be done about it.

import type { Duplex } from 'node:stream'
import { type Address, type Channel, Emitter, type EventSource, type Link, type PeerId } from '@hearsay/core'
import { channelDuplex } from '@hearsay/core/node'

const STREAM_PROTOCOL = 'hearsay/stream/1'

export type PeerInfoEvents = {
  /** One more topic turned out to be shared. */
  readonly topic: [topic: string]
}

/** What a swarm knows of the peer at the other end of a connection. */
export interface PeerInfo extends EventSource<PeerInfoEvents> {
  readonly id: PeerId
  /** The topics that both sides have joined, as they were given here (an id for one given as bytes). */
  readonly topics: readonly string[]
  /** True if this node dialled. */
  readonly client: boolean
  /** How it is linked, such as `tcp`; `stream` for one that was attached. */
  readonly type: string
  /** What was dialled; null if the peer dialled. */
  readonly peer: Address | null
  readonly link: Link
  /** Ends the connection and shuts the peer out. */
  ban(reason?: string): void
  /** Ends the connection and does not dial the peer for a while. */
  backoff(): void
}

/** What the swarm does about a peer. */
export interface PeerActions {
  ban(peer: PeerId, reason: string): void
  backoff(peer: PeerId): void
}

export class Connection extends Emitter<PeerInfoEvents> implements PeerInfo {
  readonly id: PeerId
  readonly client: boolean
  readonly type: string
  readonly peer: Address | null
  readonly link: Link
  readonly #actions: PeerActions
  readonly #topics = new Set<string>()
  #stream: Duplex | null = null

  constructor(link: Link, actions: PeerActions, report: (error: unknown) => void) {
    super(report)
    this.id = link.remote
    this.link = link
    this.client = link.initiator
    this.type = link.address?.scheme ?? 'stream'
    this.peer = link.initiator ? link.address : null
    this.#actions = actions
  }

  get topics(): readonly string[] {
    return [...this.#topics]
  }

  /** Null before the first shared topic. */
  get stream(): Duplex | null {
    return this.#stream
  }

  /** A shared topic; answers the peer's stream if this was the first. */
  share(topic: string): Duplex | null {
    if (this.#topics.has(topic)) return null
    this.#topics.add(topic)
    this.emit('topic', topic)
    if (this.#stream) return null
    this.#stream = this.#openStream()
    return this.#stream
  }

  /** A topic that is shared no more; without any the stream ends. */
  unshare(topic: string): void {
    if (!this.#topics.delete(topic) || this.#topics.size > 0) return
    this.#stream?.destroy()
    // The link may last: a topic that is shared later has a stream of its own.
    this.#stream = null
  }

  ban(reason = 'banned'): void {
    this.#actions.ban(this.id, reason)
  }

  backoff(): void {
    this.#actions.backoff(this.id)
  }

  /** Each side opens it when the topic's channel is open, which the other then knows too: so it is never refused. */
  #openStream(): Duplex | null {
    try {
      const channel: Channel = this.link.openChannel({ protocol: STREAM_PROTOCOL })
      return channelDuplex(channel)
    } catch {
      // The link has just ended: its close event comes.
      return null
    }
  }
}
