// The flood engine: a new record goes to every neighbour except the one it came from (the rule of pull-flood, with
// signatures, order, bounds and acknowledgements added). As robust as an overlay can be; each record crosses each link once
// or twice, so it suits rooms of up to a few dozen nodes.
//
// A neighbour is served from the arrival log: what it lacks of the authors that it follows, what has come since it has been
// in the room (it may have lost a link meanwhile), and what of our own nobody has confirmed yet; then whatever arrives. One
// that does not keep up costs its position in the log.

import { encodeRecord, type SignedRecord } from '@hearsay/core'
import { type Arrival, ArrivalLog, type Source } from './arrivals.js'
import type { Engine, Input, Machine, MachineContext, Output, PeerHandle } from './engine.js'
import { Forks, type ToldFork } from './forks.js'
import { decodeFrame, encodeFrame, type Frame, MAX_HOPS } from './frames.js'
import { attempt, type Fault, Intake } from './intake.js'
import { IntervalSet } from './intervals.js'
import { Neighbour } from './neighbour.js'
import type { GossipLimits } from './options.js'
import { Ordering } from './ordering.js'
import { Publisher } from './publisher.js'
import type { Pending } from './sequence.js'
import type { Since } from './since.js'

/** How long a neighbour may stay mute: publishers would wait for it to take what they say. */
const HELLO_MS = 10_000
/** Ranges of own messages that were confirmed; beyond it the lowest is told again to joiners. */
const MAX_CONFIRMED_RANGES = 1_024

/** Every new record to every neighbour. `capacity` and the other bounds are those of `GossipLimits`. */
export function flood(limits: Partial<GossipLimits> = {}): Engine {
  return { name: 'flood', limits, createMachine: (context) => new FloodMachine(context) }
}

type Of<Type extends Input['type']> = Extract<Input, { type: Type }>
type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

class FloodMachine implements Machine {
  readonly #publisher: Publisher
  readonly #since: Since
  readonly #log: ArrivalLog
  readonly #ordering: Ordering
  readonly #intake: Intake
  readonly #forks: Forks
  readonly #neighbours = new Map<PeerHandle, Neighbour>()
  /** Own messages that at least one peer has confirmed. */
  readonly #confirmed = new IntervalSet(MAX_CONFIRMED_RANGES, 'forget')
  #lastFrame: { position: number; bytes: Uint8Array } = { position: -1, bytes: new Uint8Array() }
  #wakeAt: number | null = null
  /** When the first channel of this room opened. */
  #presentSince: number | null = null
  #outputs: Output[] = []

  constructor(context: MachineContext) {
    const { capacity: messages, capacityBytes: bytes } = context.limits
    this.#publisher = new Publisher(context)
    this.#since = context.since ?? 'live'
    this.#log = new ArrivalLog({ messages, bytes })
    this.#ordering = new Ordering(patienceOf(context), (output) => this.#outputs.push(output))
    this.#intake = new Intake(context, this.#log, this.#ordering)
    this.#forks = new Forks(context, {
      ordering: this.#ordering,
      emit: (output) => this.#outputs.push(output),
      spread: (fork) => this.#spread(fork),
    })
  }

  handle(input: Input, now: number): readonly Output[] {
    this.#outputs = []
    this.#dispatch(input, now)
    this.#ordering.expire(now)
    for (const neighbour of this.#neighbours.values()) this.#serve(neighbour, now)
    this.#reschedule()
    return this.#outputs
  }

  #dispatch(input: Input, now: number): void {
    switch (input.type) {
      case 'peer-up':
        return this.#onPeerUp(input, now)
      case 'peer-down':
        this.#neighbours.delete(input.peer)
        return
      case 'window':
        return this.#onWindow(input)
      case 'frame':
        return this.#onFrame(input, now)
      case 'publish':
        return this.#onPublish(input, now)
      case 'timer':
        return
    }
  }

  #onPeerUp({ peer, remote, window }: Of<'peer-up'>, now: number): void {
    const { oldest, next } = this.#log
    this.#neighbours.set(peer, new Neighbour({ handle: peer, remote, window, oldest, next, helloBy: now + HELLO_MS }))
    this.#presentSince ??= now
  }

  #onWindow({ peer, bytes }: Of<'window'>): void {
    const neighbour = this.#neighbours.get(peer)
    if (!neighbour) return
    neighbour.window = bytes
    neighbour.blocked = bytes <= 0
  }

  #onPublish({ payloads, wall }: Of<'publish'>, now: number): void {
    const from = this.#publisher.nextSeq
    for (const record of this.#publisher.sign(payloads, wall)) {
      this.#accept({ record, messages: [], hops: 0, via: null }, null, now)
    }
    this.#outputs.push({ type: 'published', from, to: this.#publisher.nextSeq })
  }

  #onFrame({ peer, frame: bytes }: Of<'frame'>, now: number): void {
    const neighbour = this.#neighbours.get(peer)
    if (!neighbour) return
    const read = attempt(() => decodeFrame(bytes))
    if ('fault' in read) return this.#misbehaved(neighbour, read.fault)
    const frame = read.value
    if (frame.type === 'hello') this.#onHello(neighbour, frame, now)
    else if (!neighbour.introduced) this.#outOfPlace(neighbour, 'a frame before the hello')
    else if (frame.type === 'ack') this.#onAck(neighbour, frame)
    else if (frame.type === 'fork') this.#onProof(neighbour, frame)
    else this.#onRecord(neighbour, frame, now)
  }

  #onHello(neighbour: Neighbour, hello: FrameOf<'hello'>, now: number): void {
    if (neighbour.introduced) return this.#outOfPlace(neighbour, 'a second hello')
    neighbour.introduce(hello, { log: this.#log, now })
    for (const proof of this.#forks.proofs) neighbour.owe(proof)
    // It would be sent nothing of ours, and `publish` would wait for it.
    const { author, epoch, nextSeq } = this.#publisher
    const own = { author: author.id, epoch }
    if (neighbour.signs(own) || (neighbour.headOf(own) ?? 0) > nextSeq)
      this.#outOfPlace(neighbour, 'a claim to what this node signs')
  }

  #onAck(neighbour: Neighbour, { from, to }: FrameOf<'ack'>): void {
    if (to > this.#publisher.nextSeq) {
      this.#outOfPlace(neighbour, 'an acknowledgement of what was never published')
      return
    }
    this.#confirmed.add(from, to)
    this.#outputs.push({ type: 'confirmed', remote: neighbour.remote, from, to })
  }

  #onProof(neighbour: Neighbour, { proof }: FrameOf<'fork'>): void {
    const fault = this.#forks.onProof(proof, neighbour.handle)
    if (fault) this.#misbehaved(neighbour, fault)
  }

  #onRecord(neighbour: Neighbour, frame: FrameOf<'record'>, now: number): void {
    const finding = this.#intake.judge(frame.record)
    switch (finding.is) {
      case 'known':
        return
      case 'faulty':
        return this.#misbehaved(neighbour, finding.fault)
      case 'refused':
        return this.#drop(finding.record, 'authors')
      case 'fork':
        return this.#forks.onRecords(finding.held, finding.record)
      case 'new': {
        const hops = Math.min(frame.hops + 1, MAX_HOPS)
        return this.#accept({ ...finding, hops, via: neighbour.remote }, neighbour, now)
      }
    }
  }

  #accept(pending: Pending, from: Neighbour | null, now: number): void {
    const via = from?.handle ?? null
    const evicted = this.#log.append({ record: pending.record, hops: pending.hops, at: now, via })
    for (const { record } of evicted) this.#drop(record, 'history')
    // An author sends its own in order, and from a lone one nothing earlier can come by another path. A relay sends as it
    // heard, which need not be in order.
    const begin = this.#neighbours.size <= 1 && from?.signs(pending.record.header) === true
    this.#ordering.accept(pending, { begin, now })
  }

  /** Sends what the neighbour is owed, as far as its window goes. */
  #serve(neighbour: Neighbour, now: number): void {
    if (!neighbour.introduced && now >= neighbour.helloBy) return this.#outOfPlace(neighbour, 'no hello')
    if (neighbour.blocked) return
    this.#greet(neighbour, now)
    if (!neighbour.introduced) return
    this.#acknowledge(neighbour)
    this.#tellForks(neighbour)
    neighbour.cursor = Math.max(neighbour.cursor, this.#log.oldest)
    while (neighbour.cursor < this.#log.next) {
      const arrival = this.#log.at(neighbour.cursor)
      if (arrival && this.#wants(neighbour, arrival)) {
        if (!this.#hasWindow(neighbour)) return
        this.#push(neighbour, arrival)
      }
      neighbour.cursor++
    }
  }

  #greet(neighbour: Neighbour, now: number): void {
    if (neighbour.greeted || !this.#hasWindow(neighbour)) return
    neighbour.greeted = true
    const { author, epoch } = this.#publisher
    const presentMs = Math.ceil(now - (this.#presentSince ?? now))
    const heads = this.#ordering.heads()
    this.#send(neighbour, { type: 'hello', author: author.id, epoch, presentMs, since: this.#since, heads })
  }

  #push(neighbour: Neighbour, { record, hops }: Arrival): void {
    this.#transmit(neighbour, this.#frameOf(neighbour.cursor, record, hops))
    const { firstSeq, count } = record.header
    if (!this.#isOwn(record.header)) return
    this.#outputs.push({ type: 'pushed', peer: neighbour.handle, from: firstSeq, to: firstSeq + count })
  }

  /** Live records, unless it has them; of what was before, what it lacks of authors it followed and our own unconfirmed. */
  #wants(neighbour: Neighbour, { record, at, via, source, end }: Arrival): boolean {
    if (via === neighbour.handle) return false
    const owedFrom = neighbour.owedFrom(source)
    if (owedFrom !== null) return end > owedFrom
    const { cursor, liveFrom, liveSince, askedFrom } = neighbour
    if (cursor >= Math.min(liveFrom, askedFrom) || at > liveSince) return true
    return this.#isOwn(source) && !this.#confirmed.covers(record.header.firstSeq, end)
  }

  /** Tells a neighbour how far its own messages have been handed to our room. */
  #acknowledge(neighbour: Neighbour): void {
    if (neighbour.author === null) return
    for (const [from, to] of this.#ordering.deliveredOf(neighbour.author, neighbour.epoch)) {
      if (to <= neighbour.acknowledged) continue
      if (!this.#hasWindow(neighbour)) return
      neighbour.acknowledged = to
      this.#send(neighbour, { type: 'ack', from, to })
    }
  }

  #spread({ proof, via }: ToldFork): void {
    for (const neighbour of this.#neighbours.values()) {
      if (neighbour.introduced && neighbour.handle !== via) neighbour.owe(proof)
    }
  }

  #tellForks(neighbour: Neighbour): void {
    for (let proof = neighbour.owedProof; proof && this.#hasWindow(neighbour); proof = neighbour.owedProof) {
      this.#send(neighbour, { type: 'fork', proof })
      neighbour.proofTold()
    }
  }

  #isOwn({ author, epoch }: Source): boolean {
    return epoch === this.#publisher.epoch && author === this.#publisher.author.id
  }

  #hasWindow(neighbour: Neighbour): boolean {
    if (neighbour.window > 0) return true
    if (!neighbour.blocked) this.#outputs.push({ type: 'blocked', peer: neighbour.handle })
    neighbour.blocked = true
    return false
  }

  /** Neighbours mostly stand at the same place of the log, so the frame made last is mostly the one needed next. */
  #frameOf(position: number, record: SignedRecord, hops: number): Uint8Array {
    if (this.#lastFrame.position !== position) {
      const bytes = encodeFrame({ type: 'record', hops, record: encodeRecord(record) })
      this.#lastFrame = { position, bytes }
    }
    return this.#lastFrame.bytes
  }

  #send(neighbour: Neighbour, frame: Frame): void {
    this.#transmit(neighbour, encodeFrame(frame))
  }

  #transmit(neighbour: Neighbour, bytes: Uint8Array): void {
    neighbour.window -= bytes.byteLength
    this.#outputs.push({ type: 'send', peer: neighbour.handle, frame: bytes })
  }

  #drop({ header }: SignedRecord, reason: 'history' | 'authors'): void {
    const { author, epoch, firstSeq, count } = header
    this.#outputs.push({ type: 'drop', drop: { author, epoch, from: firstSeq, to: firstSeq + count, reason } })
  }

  #outOfPlace(neighbour: Neighbour, message: string): void {
    this.#misbehaved(neighbour, { code: 'ERR_FRAME', message, ban: false })
  }

  #misbehaved(neighbour: Neighbour, fault: Fault): void {
    this.#neighbours.delete(neighbour.handle)
    this.#outputs.push({ type: 'misbehaved', peer: neighbour.handle, ...fault })
  }

  #reschedule(): void {
    let at = this.#ordering.deadline
    for (const { introduced, helloBy } of this.#neighbours.values()) {
      if (!introduced && (at === null || helloBy < at)) at = helloBy
    }
    if (at === this.#wakeAt) return
    this.#wakeAt = at
    this.#outputs.push({ type: 'wake', at })
  }
}

/** Header ‖ signature: what a third party needs to verify. */
/** Who asks for history waits longer for an author's beginning: a neighbour that has less of it may be the first to answer. */
function patienceOf({ limits, since = 'live' }: MachineContext): GossipLimits {
  return since === 'live' ? limits : { ...limits, settleMs: Math.max(limits.settleMs, limits.holdMs) }
}
