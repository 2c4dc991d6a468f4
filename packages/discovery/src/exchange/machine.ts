// Peer exchange about one topic, without links, timers or clocks: whom to ask, what to answer, whom to believe. It never
// throws on what a remote sent, and a late or doubled `wake` is harmless.
//
//   input              | effect
//   -------------------|--------------------------------------------------------------------------------------------------
//   up                 | hello; ask, if the room wants more
//   hello              | the sender may be told of: news of it to three others in a moment, once its record is known
//   ask                | a random sample of those linked here, within the asker's budget; beyond it silence
//   tell, asked for    | each record that its peer signed is a candidate, on the sender's word
//   news               | the same, within the sender's budget; beyond it ignored
//   frames beyond all  | the channel ends (ERR_FLOOD); a bad signature too (ERR_RECORD)
//   anything malformed | the link ends (ERR_FRAME), and so it does when who lost its channel comes back and errs again
//   wake               | news that are due; another ask while the room has fewer links than it wants
//
// What was told is never told on: only peers with an open channel here, by the record that they gave themselves.

import {
  type AddressRecord,
  type Crypto,
  decodeAddressRecord,
  encodeAddressRecord,
  hasCode,
  type PeerId,
  sodiumCrypto,
} from '@hearsay/core'
import type { DiscoveryErrorCode } from '../errors.js'
import type {
  ExchangeInput,
  ExchangeMachine,
  ExchangeMachineOptions,
  ExchangeOutput,
  ExchangeWish,
} from './contract.js'
import { decodeExchangeFrame, type ExchangeFrame, encodeExchangeFrame, MAX_TOLD_RECORDS } from './frames.js'
import { Members, shuffle, type Talk } from './members.js'

const DEFAULT_TARGET = 8
/** News of one peer go to so many others; they tell nobody, so this is also how far they go. */
const NEWS_FANOUT = 3
/** News wait so long, and a random while more, that peers which come together do not all hear of each other at once. */
const NEWS_AFTER_MS = 50
const NEWS_SPREAD_MS = 100
/** A record that is not there yet is looked for again after this, so often. */
const NEWS_RETRY_MS = 2_000
const NEWS_TRIES = 5
/** While the room wants more: pauses between asks, doubling. */
const FIRST_ASK_PAUSE_MS = 5_000
const LAST_ASK_PAUSE_MS = 180_000
/** How soon it is noticed that a room has become short of links. */
const CHECK_MS = 10_000
/** Nobody is asked more often. */
const SAME_PEER_PAUSE_MS = 10_000
const JITTER = 0.25
/** Newest sequence numbers that are remembered of those told of. */
const MAX_SEEN = 1_024

/** The state machine of one node in one topic. */
export function createExchangeMachine(options: ExchangeMachineOptions): ExchangeMachine {
  return new Machine(options)
}

class Machine implements ExchangeMachine {
  readonly #options: ExchangeMachineOptions
  readonly #crypto: Crypto
  readonly #target: number
  readonly #members = new Members()
  readonly #seen = new Map<PeerId, number>()
  #wish: ExchangeWish = { lookup: false, tellable: false }
  #out: ExchangeOutput[] = []
  #asks = 0
  #askAt = Number.POSITIVE_INFINITY
  #wakeAt: number | null = null

  constructor(options: ExchangeMachineOptions) {
    this.#options = options
    this.#crypto = options.crypto ?? sodiumCrypto()
    this.#target = options.target ?? DEFAULT_TARGET
  }

  get remembered(): number {
    return this.#members.size
  }

  handle(input: ExchangeInput, now: number): ExchangeOutput[] {
    this.#out = []
    this.#decide(input, now)
    this.#askForWake(now)
    return this.#out
  }

  #decide(input: ExchangeInput, now: number): void {
    switch (input.type) {
      case 'up':
        return this.#onUp(this.#members.open(input.handle, input.remote, now), now)
      case 'down':
        return this.#onDown(input.handle, now)
      case 'frame':
        return this.#onFrame(input, now)
      case 'wish':
        return this.#onWish(input.wish, now)
      case 'refresh':
        this.#asks = 0
        return this.#askSomebody(this.#wish.lookup, now)
      case 'wake':
        return this.#onWake(now)
    }
  }

  #onUp(talk: Talk, now: number): void {
    this.#send(talk, { type: 'hello', tellable: this.#wish.tellable })
    if (this.#wantsMore()) this.#ask(talk, now)
    this.#planAsk(now)
  }

  /** What is known of a peer that goes may be told for a while. */
  #onDown(handle: number, now: number): void {
    const member = this.#members.talk(handle)?.member
    if (member) member.record = this.#options.recordOf(member.peer) ?? member.record
    this.#members.close(handle, now)
  }

  #onWish(wish: ExchangeWish, now: number): void {
    const before = this.#wish
    this.#wish = wish
    for (const talk of this.#members.talks()) {
      if (wish.tellable !== before.tellable) this.#send(talk, { type: 'hello', tellable: wish.tellable })
      if (wish.lookup && !before.lookup && this.#wantsMore()) this.#ask(talk, now)
    }
    this.#planAsk(now)
  }

  #onFrame({ handle, frame: bytes }: Extract<ExchangeInput, { type: 'frame' }>, now: number): void {
    const talk = this.#members.talk(handle)
    if (!talk || talk.faulty) return
    if (!talk.member.frames.take(now)) return this.#blame(talk, 'ERR_FLOOD', 'more frames than anybody needs')
    const frame = this.#decode(talk, bytes)
    if (frame) this.#obey(talk, frame, now)
  }

  #obey(talk: Talk, frame: ExchangeFrame, now: number): void {
    if (!talk.greeted && frame.type !== 'hello') return this.#blame(talk, 'ERR_FRAME', `${frame.type} before hello`)
    switch (frame.type) {
      case 'hello':
        return this.#onHello(talk, frame.tellable, now)
      case 'ask':
        return this.#onAsk(talk, frame.count, now)
      case 'tell':
        if (talk.asked === 0) return this.#blame(talk, 'ERR_FLOOD', 'an answer that nobody asked for')
        talk.asked -= 1
        return this.#believe(talk, frame.records)
      case 'news':
        if (talk.member.newsIn.take(now)) this.#believe(talk, [frame.record])
    }
  }

  #onHello(talk: Talk, tellable: boolean, now: number): void {
    const isNew = !talk.greeted
    talk.greeted = true
    talk.member.tellable = tellable
    if (isNew && tellable) talk.newsAt = now + NEWS_AFTER_MS + this.#options.random.below(NEWS_SPREAD_MS)
  }

  #onAsk(talk: Talk, count: number, now: number): void {
    const { member } = talk
    for (const { member: other } of this.#members.talks()) other.record = this.#options.recordOf(other.peer)
    const most = Math.min(count, member.answers.left(now))
    if (most === 0) return
    const records = this.#members.pick(most, member.peer, { random: this.#options.random, now })
    member.answers.takeUpTo(records.length, now)
    this.#send(talk, { type: 'tell', records: records.map(encodeAddressRecord) })
  }

  /** All of an answer or nothing: whoever passes on one forgery checks none of it. */
  #believe(talk: Talk, encoded: readonly Uint8Array[]): void {
    if (!this.#wish.lookup) return
    const records: AddressRecord[] = []
    for (const bytes of encoded) {
      try {
        records.push(decodeAddressRecord(bytes, this.#crypto))
      } catch (error) {
        if (!hasCode(error, 'ERR_RECORD', 'ERR_ENCODING')) throw error
        return this.#blame(talk, 'ERR_RECORD', error.message)
      }
    }
    for (const record of records) if (this.#isWanted(record)) this.#tellOf(record, talk.member.peer)
  }

  #isWanted({ peer, seq, addresses }: AddressRecord): boolean {
    if (peer === this.#options.self || this.#members.isOpen(peer) || addresses.length === 0) return false
    const newest = this.#seen.get(peer) ?? 0
    if (seq < newest) return false
    this.#seen.delete(peer)
    const [oldest] = this.#seen.keys()
    if (oldest !== undefined && this.#seen.size >= MAX_SEEN) this.#seen.delete(oldest)
    this.#seen.set(peer, seq)
    return true
  }

  #tellOf(record: AddressRecord, referrer: PeerId): void {
    const { peer, addresses } = record
    this.#out.push({ type: 'candidate', peer, addresses, record, referrer })
  }

  #onWake(now: number): void {
    this.#wakeAt = null
    for (const talk of this.#members.talks()) {
      if (talk.newsAt !== null && talk.newsAt <= now) this.#tellNews(talk, now)
    }
    if (now >= this.#askAt) this.#askSomebody(this.#wantsMore(), now)
  }

  #tellNews(talk: Talk, now: number): void {
    const { member } = talk
    talk.newsAt = null
    const record = this.#options.recordOf(member.peer)
    if (!member.tellable) return
    if (!record) {
      if (++talk.newsTries < NEWS_TRIES) talk.newsAt = now + NEWS_RETRY_MS
      return
    }
    const others = [...this.#members.talks()].filter((other) => other.greeted && other.member !== member)
    const bytes = encodeAddressRecord(record)
    let told = 0
    for (const other of shuffle(others, this.#options.random)) {
      if (told === NEWS_FANOUT) return
      if (!other.member.newsOut.take(now)) continue
      this.#send(other, { type: 'news', record: bytes })
      told += 1
    }
  }

  #askSomebody(wanted: boolean, now: number): void {
    if (wanted) {
      const rested = [...this.#members.talks()].filter(({ member }) => now - member.askedAt >= SAME_PEER_PAUSE_MS)
      const [talk] = shuffle(rested, this.#options.random)
      if (talk) this.#ask(talk, now)
      this.#asks += 1
    } else this.#asks = 0
    this.#askAt = Number.POSITIVE_INFINITY
    this.#planAsk(now)
  }

  #ask(talk: Talk, now: number): void {
    talk.asked += 1
    talk.member.askedAt = now
    this.#send(talk, { type: 'ask', count: MAX_TOLD_RECORDS })
  }

  #planAsk(now: number): void {
    const someone = this.#wish.lookup && !this.#members.talks().next().done
    if (!someone) this.#askAt = Number.POSITIVE_INFINITY
    else if (this.#askAt === Number.POSITIVE_INFINITY) this.#askAt = now + this.#pause()
  }

  #pause(): number {
    const doubled = FIRST_ASK_PAUSE_MS * 2 ** Math.min(this.#asks, 16)
    const ms = this.#wantsMore() ? Math.min(doubled, LAST_ASK_PAUSE_MS) : CHECK_MS
    return ms + this.#options.random.below(Math.floor(ms * JITTER) + 1)
  }

  #wantsMore(): boolean {
    return this.#wish.lookup && this.#options.linked() < this.#target
  }

  #decode(talk: Talk, bytes: Uint8Array): ExchangeFrame | null {
    try {
      return decodeExchangeFrame(bytes)
    } catch (error) {
      if (!hasCode(error, 'ERR_FRAME')) throw error
      this.#blame(talk, 'ERR_FRAME', error.message)
      return null
    }
  }

  #blame(talk: Talk, code: DiscoveryErrorCode, message: string): void {
    talk.faulty = true
    talk.member.faults += 1
    const end = code === 'ERR_FRAME' || talk.member.faults > 1 ? 'link' : 'channel'
    this.#out.push({ type: 'misbehaved', handle: talk.handle, code, message, end })
  }

  #send({ handle }: Talk, frame: ExchangeFrame): void {
    this.#out.push({ type: 'send', handle, frame: encodeExchangeFrame(frame) })
  }

  #askForWake(now: number): void {
    const news = [...this.#members.talks()].flatMap(({ newsAt }) => newsAt ?? [])
    const at = Math.max(now, Math.min(this.#askAt, ...news))
    // A wake that comes too early is harmless, so only an earlier one replaces what was asked for.
    if (!Number.isFinite(at) || (this.#wakeAt !== null && this.#wakeAt <= at)) return
    this.#wakeAt = at
    this.#out.push({ type: 'wake', at })
  }
}
