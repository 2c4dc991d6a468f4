// One node of the mainline DHT, made harmless: it opens when it is first needed, and every call ends within its time and never
// rejects. A DHT that cannot be reached looks like one that is empty. What replies say is passed on unchecked.

import { createSocket, type Socket } from 'node:dgram'
import type { Clock, Logger } from '@hearsay/core'
import type { default as DHT, Place, Sender } from 'bittorrent-dht'
import { GuardedSocket } from './socket.js'

export interface MainlineNodeOptions {
  readonly bootstrap?: readonly string[]
  readonly host: string
  readonly port: number
  readonly concurrency: number
  readonly clock: Clock
  readonly logger: Logger | undefined
}

export interface PeersWish {
  /** The peers of one reply, and the host of the node that sent it; null for what was announced to us. */
  readonly onPeers: (peers: readonly Place[], teller: string | null) => void
  readonly signal: AbortSignal
}

interface Reply {
  readonly key: string
  readonly from: Sender | null
  readonly peers: Place[]
}

/** Enough for many dead nodes, sixteen at a time. */
const QUERY_MS = 20_000
const CLOSE_MS = 2_000
/** Announcements of others are kept for 20 to 40 minutes: BEP 5 has them renewed within 30. */
const MAX_AGE_MS = 1_800_000
/** What others may store here, in all: 2,000 announcements of six bytes. */
const MAX_STORED_PEERS = 1_000
/** BEP 5's number. */
const REPLIED_NODES = 8
/** 800 bytes, by chance. */
const REPLIED_PEERS = 100
/** Keys whose nearest nodes are remembered. */
const MAX_TABLES = 256

export class MainlineNode {
  readonly #options: MainlineNodeOptions
  readonly #listeners = new Map<string, Set<PeersWish['onPeers']>>()
  #closed = false
  #opening: Promise<DHT | null> | null = null
  /** Peers of the reply that is being read: the library tells them one by one. */
  #reply: Reply | null = null

  constructor(options: MainlineNodeOptions) {
    this.#options = options
  }

  /** Who is announced under the 20 bytes of `key`; true if any node answered. */
  async lookup(key: Uint8Array, { onPeers, signal }: PeersWish): Promise<boolean> {
    const dht = await this.#open()
    if (!dht || signal.aborted) return false
    const forget = this.#listen(toHex(key), onPeers)
    const nodes = await this.#within<number>(signal, (done) => dht.lookup(Buffer.from(key), done))
    forget()
    return nodes !== null && nodes > 0
  }

  /** Announces `port` under `key` at the nodes that the last look-up found; true if any took it. */
  async announce(key: Uint8Array, port: number, signal: AbortSignal): Promise<boolean> {
    const dht = await this.#open()
    if (!dht || signal.aborted) return false
    const answer = await this.#within<true>(signal, (done) => {
      dht.announce(Buffer.from(key), port, (error) => done(error, true))
      return () => {}
    })
    return answer === true
  }

  /** For when nobody waits for an answer any more. */
  async close(): Promise<void> {
    this.#closed = true
    const dht = await this.#opening
    if (!dht) return
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(CLOSE_MS, resolve)
      dht.destroy(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  #open(): Promise<DHT | null> {
    if (this.#closed) return Promise.resolve(null)
    this.#opening ??= this.#start()
    return this.#opening
  }

  async #start(): Promise<DHT | null> {
    const { clock, bootstrap, concurrency } = this.#options
    try {
      // Only who uses it pays for loading it.
      const { default: Dht } = await import('bittorrent-dht')
      const guarded: GuardedSocket = new GuardedSocket(await this.#bind(), {
        clock,
        onFault: (error) => this.#note('warn', 'a fault of the library', error),
        onSilence: (place) => forget(dht, place),
      })
      const dht = new Dht({
        socket: guarded,
        concurrency,
        maxAge: MAX_AGE_MS,
        maxPeers: MAX_STORED_PEERS,
        maxTables: MAX_TABLES,
        maxValues: 1,
        ...(bootstrap && { bootstrap }),
      })
      boundReplies(dht)
      dht.on('error', (error) => this.#note('debug', 'an error of the library', error))
      dht.on('peer', (peer, key, from) => this.#onPeer(peer, toHex(key), from))
      // The library waits for this to begin its housekeeping; it would wait for ever for a socket that cannot be bound.
      guarded.emit('listening')
      return dht
    } catch (error) {
      this.#note('warn', 'the DHT cannot open its socket', error)
      this.#opening = null
      return null
    }
  }

  #bind(): Promise<Socket> {
    const { host, port } = this.#options
    const socket = createSocket('udp4')
    return new Promise((resolve, reject) => {
      socket.once('error', (error) => {
        socket.close()
        reject(error)
      })
      socket.bind(port, host, () => {
        socket.removeAllListeners('error')
        // A port or host that is not reached: the datagram is lost, and its query runs out of time.
        socket.on('error', (error) => this.#note('debug', 'a datagram was refused', error))
        resolve(socket)
      })
    })
  }

  #listen(key: string, onPeers: PeersWish['onPeers']): () => void {
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(onPeers))
    return () => {
      listeners.delete(onPeers)
      if (listeners.size === 0) this.#listeners.delete(key)
    }
  }

  #onPeer(peer: Place, key: string, from: Sender | null): void {
    if (!this.#reply || this.#reply.key !== key || this.#reply.from !== from) {
      const reply: Reply = { key, from, peers: [] }
      this.#reply = reply
      // All peers of one reply come in one go.
      queueMicrotask(() => this.#onReply(reply))
    }
    this.#reply.peers.push(peer)
  }

  #onReply(reply: Reply): void {
    if (this.#reply === reply) this.#reply = null
    for (const onPeers of this.#listeners.get(reply.key) ?? []) onPeers(reply.peers, reply.from?.address ?? null)
  }

  /** What `start` comes to, or null: it failed, was aborted, or took too long, and then it is stopped. */
  #within<Value>(
    signal: AbortSignal,
    start: (done: (error: Error | null, value?: Value) => void) => () => void,
  ): Promise<Value | null> {
    return new Promise((resolve) => {
      const settle = (value: Value | null): void => {
        timer.cancel()
        signal.removeEventListener('abort', onEnd)
        resolve(value)
      }
      const onEnd = (): void => {
        stop()
        settle(null)
      }
      const timer = this.#options.clock.setTimer(QUERY_MS, onEnd)
      signal.addEventListener('abort', onEnd)
      const stop = start((error, value) => {
        if (error) this.#note('debug', 'a query failed', error)
        settle(error ? null : (value ?? null))
      })
    })
  }

  #note(level: 'debug' | 'warn', message: string, error: unknown): void {
    this.#options.logger?.({ level, scope: 'discovery/mainline', message, fields: { error } })
  }
}

/** The library would tell all that it knows in one datagram, which makes it too long, and a loudspeaker. */
function boundReplies(dht: DHT): void {
  const { nodes, _peers: stored } = dht
  const [closest, get] = [nodes.closest.bind(nodes), stored.get.bind(stored)]
  nodes.closest = (id, most = REPLIED_NODES) => closest(id, most)
  stored.get = (key, most = REPLIED_PEERS) => get(key, most)
}

/** Whoever asks us is not sent to a node that has gone. */
function forget(dht: DHT, { host, port }: Place): void {
  const node = dht.nodes.toArray().find((each) => each.host === host && each.port === port)
  if (node) dht.removeNode(node.id)
}

function toHex(key: Uint8Array): string {
  return Buffer.from(key).toString('hex')
}
