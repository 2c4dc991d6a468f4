// Queries and their answers, without links, clocks or randomness: what is passed on, to whom, and for how long. A query goes
// to everybody within its hops; each answer goes back along the way that its query came, to the node that asked.
//
//   query, new       | answerable here; passed on to all others while it has hops and time
//   query, seen      | ignored: the first way is the fastest way back; also long after its time, as a replay
//   answer, a route  | passed back; at its end it is given to who asked
//   answer, no route | ignored: it came too late, or was never asked for
//   answer, again    | of an author that has answered already: ignored, or one author could use up the room for all
//
// It never throws on what a remote sent.

import { type Crypto, hasCode, type PeerId, TokenBucket, type Topic } from '@hearsay/core'
import type { GossipErrorCode } from '../errors.js'
import { decodeQueryFrame, encodeQueryFrame, type QueryFrame } from './frames.js'
import { Recent } from './recent.js'
import { openAnswer, openQuery, readSigned } from './signed.js'

/** The driver's number of one open channel. */
export type QueryPeer = number

export type QueryInput =
  | { readonly type: 'up'; readonly peer: QueryPeer; readonly remote: PeerId }
  | { readonly type: 'down'; readonly peer: QueryPeer }
  | { readonly type: 'frame'; readonly peer: QueryPeer; readonly frame: Uint8Array }
  /** A query of this node, signed. */
  | { readonly type: 'ask'; readonly query: Uint8Array; readonly hops: number; readonly ms: number }
  /** This node's answer, signed, to a query that was given to it. */
  | { readonly type: 'answer'; readonly id: Uint8Array; readonly answer: Uint8Array }
  /** Nothing more is wanted of a query of this node. */
  | { readonly type: 'forget'; readonly id: Uint8Array }

export type QueryOutput =
  | {
      readonly type: 'send'
      readonly peer: QueryPeer
      readonly frame: Uint8Array
      readonly what: 'query' | 'answer'
      /** Who brought it; null if it is this node's own. */
      readonly from: QueryPeer | null
      /** Nobody waits for it from then on; what has waited so long need not be sent. */
      readonly until: number
    }
  | {
      readonly type: 'query'
      readonly id: Uint8Array
      readonly author: PeerId
      readonly kind: string
      readonly data: Uint8Array
      readonly hops: number
      readonly via: PeerId
      /** Milliseconds until nobody waits for an answer. */
      readonly ms: number
    }
  | {
      readonly type: 'answered'
      readonly id: Uint8Array
      readonly author: PeerId
      readonly data: Uint8Array
      readonly hops: number
      readonly via: PeerId
    }
  /** A frame for this node alone, which the driver knows how to take. */
  | { readonly type: 'direct'; readonly peer: QueryPeer; readonly remote: PeerId; readonly frame: QueryFrame }
  | { readonly type: 'misbehaved'; readonly peer: QueryPeer; readonly code: GossipErrorCode; readonly ban: boolean }

type Passed = Extract<QueryFrame, { type: 'query' | 'answer' }>

/** Who brought what is sent, null if it is this node's own, and until when it is worth anything. */
type Origin = Pick<Extract<QueryOutput, { type: 'send' }>, 'from' | 'until'>

/** Where answers to a query go; null for a query of this node. */
interface Route {
  readonly from: QueryPeer | null
  readonly until: number
  /** Answers that are still passed on. */
  answersLeft: number
}

interface Peer {
  readonly remote: PeerId
  /** Queries that it may still have passed on now, and when that was counted. */
  readonly queries: TokenBucket
}

/** Queries to which answers find their way back; the oldest goes first. */
const MAX_ROUTES = 4_096
const MAX_ANSWERS = 1_024
/** Authors of whom it is remembered which question they answered; the one that answered first is forgotten. */
const MAX_ANSWERED = 16_384
/** Questions that are not put to this node again. In 4 MiB; one neighbour alone brings as many in no less than 54 minutes. */
const MAX_SEEN = 65_536
/** No query lives longer, whatever it says. */
export const MAX_QUERY_MS = 60_000
export const MAX_QUERY_HOPS = 32
/** Queries that one neighbour may bring in a second, and at once after a pause. */
const QUERIES = { burst: 100, perSecond: 20 } as const

export class QueryMachine {
  readonly #context: { readonly topic: Topic; readonly crypto: Crypto }
  readonly #peers = new Map<QueryPeer, Peer>()
  readonly #routes = new Map<string, Route>()
  /** Questions with the authors that answered them. */
  readonly #answered = new Recent(MAX_ANSWERED)
  /** Questions that came, beyond their time: who hears one again may be made to act again. */
  readonly #seen = new Recent(MAX_SEEN)
  /** Questions of this node that are still open, for those who come while it waits. */
  readonly #own = new Map<string, { readonly query: Uint8Array; readonly hops: number; readonly until: number }>()
  /** When the first of them ends; a frame must not cost a look at all. */
  #endsAt = Number.POSITIVE_INFINITY
  #outputs: QueryOutput[] = []

  constructor(context: { readonly topic: Topic; readonly crypto: Crypto }) {
    this.#context = context
  }

  /** How many queries are remembered. */
  get size(): number {
    return this.#routes.size
  }

  handle(input: QueryInput, now: number): readonly QueryOutput[] {
    this.#outputs = []
    this.#expire(now)
    switch (input.type) {
      case 'up':
        this.#peers.set(input.peer, { remote: input.remote, queries: new TokenBucket(QUERIES, now) })
        for (const own of this.#own.values())
          this.#send(input.peer, askFrame(own, now), { from: null, until: own.until })
        break
      case 'down':
        this.#peers.delete(input.peer)
        break
      case 'frame':
        this.#onFrame(input.peer, input.frame, now)
        break
      case 'ask':
        this.#ask(input, now)
        break
      case 'answer':
        this.#passBack(input.id, { from: null, hops: 0, answer: input.answer })
        break
      case 'forget':
        this.#routes.delete(keyOf(input.id))
        this.#own.delete(keyOf(input.id))
        break
    }
    return this.#outputs
  }

  #ask({ query, hops, ms }: Extract<QueryInput, { type: 'ask' }>, now: number): void {
    const signed = readSigned('query', query, this.#context)
    if (!signed) return
    const own = { query, hops, until: now + ms }
    this.#remember(signed.id, { from: null, until: own.until, answersLeft: MAX_ANSWERS })
    this.#own.set(keyOf(signed.id), own)
    this.#spread(askFrame(own, now), { from: null, until: own.until })
  }

  #onFrame(peer: QueryPeer, bytes: Uint8Array, now: number): void {
    const from = this.#peers.get(peer)
    if (!from) return
    const frame = this.#decode(peer, bytes)
    if (!frame) return
    if (frame.type === 'query') this.#onQuery(peer, frame, now)
    else if (frame.type === 'answer') this.#onAnswer(peer, frame)
    else this.#outputs.push({ type: 'direct', peer, remote: from.remote, frame })
  }

  #onQuery(peer: QueryPeer, frame: Extract<QueryFrame, { type: 'query' }>, now: number): void {
    const from = this.#peers.get(peer)
    const ms = Math.min(frame.ms, MAX_QUERY_MS)
    const left = Math.min(frame.left, MAX_QUERY_HOPS)
    if (!from || ms === 0 || left === 0 || !from.queries.take(now)) return
    if (this.#seen.has(keyOf(idOf(frame.query)))) return
    const signed = readSigned('query', frame.query, this.#context)
    if (!signed) return this.#blame(peer, 'ERR_RECORD_FORGED', true)
    const said = openQuery(signed, this.#context)
    if (!said) return this.#blame(peer, 'ERR_RECORD', false)
    this.#remember(signed.id, { from: peer, until: now + ms, answersLeft: MAX_ANSWERS })
    const hops = Math.min(frame.hops + 1, 255)
    const { id, author } = signed
    this.#outputs.push({ type: 'query', id, author, kind: said.type, data: said.data, hops, via: from.remote, ms })
    if (left > 1) {
      const passed: Passed = { type: 'query', hops, left: left - 1, ms, query: signed.bytes }
      this.#spread(passed, { from: peer, until: now + ms })
    }
  }

  #onAnswer(peer: QueryPeer, frame: Extract<QueryFrame, { type: 'answer' }>): void {
    const from = this.#peers.get(peer)
    const route = this.#routes.get(keyOf(idOf(frame.answer)))
    // The way forward is not a way back: who asked us does not answer through us.
    if (!from || !route || route.answersLeft === 0 || route.from === peer) return
    const key = answerOf(frame.answer)
    if (this.#answered.has(key)) return
    const signed = readSigned('answer', frame.answer, this.#context)
    if (!signed) return this.#blame(peer, 'ERR_RECORD_FORGED', true)
    this.#answered.add(key)
    const hops = Math.min(frame.hops + 1, 255)
    if (route.from !== null) return this.#passBack(signed.id, { from: peer, hops, answer: signed.bytes })
    const data = openAnswer(signed, this.#context)
    // Who passed it on cannot know: answers are opened by who asked alone.
    if (!data) return from.remote === signed.author ? this.#blame(peer, 'ERR_RECORD', false) : undefined
    route.answersLeft--
    this.#outputs.push({ type: 'answered', id: signed.id, author: signed.author, data, hops, via: from.remote })
  }

  #passBack(
    id: Uint8Array,
    { from, hops, answer }: { readonly from: QueryPeer | null; readonly hops: number; readonly answer: Uint8Array },
  ): void {
    const route = this.#routes.get(keyOf(id))
    if (!route || route.from === null || route.answersLeft === 0 || !this.#peers.has(route.from)) return
    route.answersLeft--
    this.#send(route.from, { type: 'answer', hops, answer }, { from, until: route.until })
  }

  #spread(frame: Passed, origin: Origin): void {
    for (const peer of this.#peers.keys()) if (peer !== origin.from) this.#send(peer, frame, origin)
  }

  #remember(id: Uint8Array, route: Route): void {
    const [oldest] = this.#routes.keys()
    if (this.#routes.size >= MAX_ROUTES && oldest !== undefined) this.#routes.delete(oldest)
    this.#routes.set(keyOf(id), route)
    this.#seen.add(keyOf(id))
    this.#endsAt = Math.min(this.#endsAt, route.until)
  }

  /** Queries differ in how long they live, so the order of coming is not that of ending: looked at when the first one ends. */
  #expire(now: number): void {
    if (now < this.#endsAt) return
    this.#endsAt = Number.POSITIVE_INFINITY
    for (const open of [this.#routes, this.#own]) {
      for (const [key, { until }] of open) {
        if (until <= now) open.delete(key)
        else this.#endsAt = Math.min(this.#endsAt, until)
      }
    }
  }

  #decode(peer: QueryPeer, bytes: Uint8Array): QueryFrame | null {
    try {
      return decodeQueryFrame(bytes)
    } catch (error) {
      if (!hasCode(error, 'ERR_FRAME')) throw error
      this.#blame(peer, 'ERR_FRAME', false)
      return null
    }
  }

  #blame(peer: QueryPeer, code: GossipErrorCode, ban: boolean): void {
    this.#peers.delete(peer)
    this.#outputs.push({ type: 'misbehaved', peer, code, ban })
  }

  #send(peer: QueryPeer, frame: Passed, origin: Origin): void {
    this.#outputs.push({ type: 'send', peer, frame: encodeQueryFrame(frame), what: frame.type, ...origin })
  }
}

function askFrame(own: { query: Uint8Array; hops: number; until: number }, now: number): Passed {
  return { type: 'query', hops: 0, left: own.hops, ms: Math.max(1, Math.ceil(own.until - now)), query: own.query }
}

/** Where the id stands, before anything is verified. */
function idOf(signed: Uint8Array): Uint8Array {
  return signed.subarray(32, 48)
}

/** Who answers what: the author stands before the id. */
function answerOf(signed: Uint8Array): string {
  return keyOf(signed.subarray(0, 48))
}

function keyOf(id: Uint8Array): string {
  let key = ''
  for (const byte of id) key += String.fromCharCode(byte)
  return key
}
