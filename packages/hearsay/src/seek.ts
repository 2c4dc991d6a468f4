// A link to a peer that a room wants to talk to and that is not linked: by the addresses that are known, by what the peer
// itself answers when the room is asked where it is, by what discoveries find, or because it links to this node first.

import { type Address, type Candidate, type Clock, hasCode, type Link, type PeerId, type TopicId } from '@hearsay/core'
import type { ConnectOptions } from '@hearsay/gossip'
import type { Pool } from '@hearsay/transport'
import { NodeError } from './errors.js'

/** What is known leads there in most cases: the room is not asked for nothing. */
const ASK_AFTER_MS = 250
/** An answer crosses the room twice, and discoveries take a while. */
const SEEK_MS = 5_000

export interface SeekOptions extends ConnectOptions {
  readonly pool: Pick<Pool, 'links' | 'connect' | 'offer' | 'on'>
  readonly clock: Clock
  /** The room's. */
  readonly topic: TopicId
  /** Where the peer may be dialled, most likely first. */
  readonly ways: () => Promise<readonly (Address | PeerId)[]>
  /** Makes discoveries look again; all that they find goes to the listener until what it returns is called. */
  readonly discover: (listener: (candidate: Candidate) => void) => () => void
}

/** Resolves with the link; rejects with `ERR_DIAL`, which says what was tried, `ERR_ABORTED`, or a code of the pool. */
export async function seek(peer: PeerId, options: SeekOptions): Promise<Link> {
  const one = new Seek(peer, options)
  try {
    return await one.link
  } finally {
    one.end()
  }
}

class Seek {
  readonly link: Promise<Link>
  readonly #peer: PeerId
  readonly #options: SeekOptions
  readonly #over = new AbortController()
  readonly #stops: (() => void)[] = []
  #settle: { readonly resolve: (link: Link) => void; readonly reject: (error: unknown) => void } | null = null
  #isLooking = false
  #tried = 0
  /** The newest record that the peer was heard to have signed. */
  #newest = -1
  #failure: unknown

  constructor(peer: PeerId, options: SeekOptions) {
    const { pool, clock, signal } = options
    this.#peer = peer
    this.#options = options
    this.link = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    const onAbort = (): void => this.#settle?.reject(aborted(signal))
    signal.addEventListener('abort', onAbort)
    const timer = clock.setTimer(ASK_AFTER_MS, () => this.#look())
    const stopLinks = pool.on('link', (link) => link.remote === peer && this.#settle?.resolve(link))
    this.#stops.push(
      stopLinks,
      () => timer.cancel(),
      () => signal.removeEventListener('abort', onAbort),
    )
    if (signal.aborted) onAbort()
    else void this.#tryKnown()
  }

  end(): void {
    this.#over.abort()
    for (const stop of this.#stops) stop()
  }

  async #tryKnown(): Promise<void> {
    try {
      for (const way of await this.#options.ways()) if (!this.#over.signal.aborted) await this.#dial(way)
    } catch (error) {
      this.#settle?.reject(error)
    }
    this.#look()
  }

  /** Once: asks everybody who may know. */
  #look(): void {
    if (this.#isLooking || this.#over.signal.aborted) return
    this.#isLooking = true
    const { clock, discover } = this.#options
    const timer = clock.setTimer(SEEK_MS, () => {
      this.#settle?.reject(this.#vain())
    })
    this.#stops.push(() => timer.cancel())
    this.#stops.push(discover((candidate) => candidate.peer === this.#peer && void this.#follow(candidate)))
    void this.#askRoom()
  }

  async #askRoom(): Promise<void> {
    try {
      for await (const { record, via } of this.#options.ask({ wait: SEEK_MS, signal: this.#over.signal })) {
        if (record.seq <= this.#newest) continue
        this.#newest = record.seq
        void this.#follow({ peer: this.#peer, addresses: record.addresses, source: 'room', referrer: via })
      }
    } catch (error) {
      if (!this.#over.signal.aborted) this.#settle?.reject(error)
    }
  }

  /** What others say is dialled as hearsay is: a peer could name anybody's host. */
  async #follow(candidate: Candidate): Promise<void> {
    const { pool, topic } = this.#options
    pool.offer(candidate, topic)
    await this.#dial(this.#peer)
  }

  async #dial(way: Address | PeerId): Promise<void> {
    this.#tried++
    try {
      this.#settle?.resolve(await this.#options.pool.connect(way, { signal: this.#over.signal }))
    } catch (error) {
      if (isFinal(error, way === this.#peer)) this.#settle?.reject(error)
      else this.#failure = error
    }
  }

  #vain(): NodeError {
    const cause = this.#failure
    const room = this.#newest < 0 ? 'nobody in the room answered for it' : 'it answered where it is'
    const last = cause instanceof Error ? ` (last: ${cause.message})` : ''
    const message = `${this.#peer} cannot be linked: ${this.#tried} ways tried${last}; ${room}; discoveries looked again`
    return new NodeError('ERR_DIAL', message, { cause })
  }
}

/** No other way would lead there. At an address anybody may be found by now; only of the peer itself it is known who refused. */
function isFinal(error: unknown, isPeer: boolean): boolean {
  return (
    hasCode(error, 'ERR_CLOSED', 'ERR_SUSPENDED', 'ERR_ABORTED') ||
    (isPeer && hasCode(error, 'ERR_BANNED', 'ERR_REFUSED'))
  )
}

function aborted(signal: AbortSignal): NodeError {
  return new NodeError('ERR_ABORTED', 'connecting was aborted', { cause: signal.reason })
}
