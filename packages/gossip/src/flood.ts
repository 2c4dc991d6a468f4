// The flood engine: a new record goes to every neighbour except the one it came from (the rule of pull-flood, with
// signatures, order, bounds and acknowledgements added). As robust as an overlay can be; each record crosses each link once
// or twice, so it suits rooms of up to a few dozen nodes.
//
// A neighbour is served from the arrival log: what it lacks of the authors that it follows, what has come since it has been
// in the room (it may have lost a link meanwhile), and what of our own nobody has confirmed yet; then whatever arrives. One
// that does not keep up costs its position in the log.

import { encodeRecord, type SignedRecord } from '@hearsay/core'
import { type Arrival, ArrivalLog } from './arrivals.js'
import type { Engine, Input, Machine, MachineContext, Output, PeerHandle } from './engine.js'
import { decodeFrame, encodeFrame, type Frame, MAX_HEADS, MAX_HOPS } from './frames.js'
import { attempt, type Fault, Intake } from './intake.js'
import { IntervalSet } from './intervals.js'
import { Neighbour } from './neighbour.js'
import type { GossipLimits } from './options.js'
import { Ordering } from './ordering.js'
import { Publisher } from './publisher.js'
import type { Pending } from './sequence.js'

/** Every new record to every neighbour. `capacity` and the other bounds are those of `GossipLimits`. */
export function flood(limits: Partial<GossipLimits> = {}): Engine {
  return { name: 'flood', limits, createMachine: (context) => new FloodMachine(context) }
}

type Of<Type extends Input['type']> = Extract<Input, { type: Type }>
type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

class FloodMachine implements Machine {
  readonly #publisher: Publisher
  readonly #log: ArrivalLog
  readonly #ordering: Ordering
  readonly #intake: Intake
  readonly #neighbours = new Map<PeerHandle, Neighbour>()
  /** Own messages that at least one peer has confirmed. */
  readonly #confirmed = new IntervalSet()
  #lastFrame: { position: number; bytes: Uint8Array } = { position: -1, bytes: new Uint8Array() }
  #wakeAt: number | null = null
  /** When the first channel of this room opened. */
  #presentSince: number | null = null
  #outputs: Output[] = []

  constructor(context: MachineContext) {
    const { capacity: messages, capacityBytes: bytes } = context.limits
    this.#publisher = new Publisher(context)
    this.#log = new ArrivalLog({ messages, bytes })
    this.#ordering = new Ordering(context.limits, (output) => this.#outputs.push(output))
    this.#intake = new Intake(context, this.#log, this.#ordering)
  }

  handle(input: Input, now: number): readonly Output[] {
    this.#outputs = []
    this.#dispatch(input, now)
    this.#ordering.expire(now)
    for (const neighbour of this.#neighbours.values()) this.#serve(neighbour)
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
    const neighbour = new Neighbour({ handle: peer, remote, window, oldest, next })
    this.#neighbours.set(peer, neighbour)
    this.#presentSince ??= now
    const presentMs = Math.ceil(now - this.#presentSince)
    const { author, epoch } = this.#publisher
    this.#send(neighbour, {
      type: 'hello',
      author: author.id,
      epoch,
      presentMs,
      heads: this.#ordering.heads(MAX_HEADS),
    })
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
    else this.#onRecord(neighbour, frame, now)
  }

  #onHello(neighbour: Neighbour, hello: FrameOf<'hello'>, now: number): void {
    if (neighbour.introduced) this.#outOfPlace(neighbour, 'a second hello')
    else neighbour.introduce(hello, now)
  }

  #onAck(neighbour: Neighbour, { from, to }: FrameOf<'ack'>): void {
    if (to > this.#publisher.nextSeq) {
      this.#outOfPlace(neighbour, 'an acknowledgement of what was never published')
      return
    }
    this.#confirmed.add(from, to)
    this.#outputs.push({ type: 'confirmed', remote: neighbour.remote, from, to })
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
        return this.#onFork(finding.held, finding.record)
      case 'new': {
        const hops = Math.min(frame.hops + 1, MAX_HOPS)
        return this.#accept({ ...finding, hops, via: neighbour.remote }, neighbour.handle, now)
      }
    }
  }

  #onFork(held: SignedRecord, other: SignedRecord): void {
    const { author, epoch } = held.header
    if (!this.#ordering.markForked(author, epoch)) return
    this.#outputs.push({ type: 'fork', fork: { author, epoch, headers: [proofOf(held), proofOf(other)] } })
  }

  #accept(pending: Pending, from: PeerHandle | null, now: number): void {
    const evicted = this.#log.append({ record: pending.record, hops: pending.hops, at: now, via: from })
    for (const { record } of evicted) this.#drop(record, 'history')
    // A lone neighbour sends in order, so nothing earlier can come by another path.
    this.#ordering.accept(pending, { begin: this.#neighbours.size <= 1, now })
  }

  /** Sends what the neighbour is owed, as far as its window goes. */
  #serve(neighbour: Neighbour): void {
    if (!neighbour.introduced || neighbour.blocked) return
    this.#acknowledge(neighbour)
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

  #push(neighbour: Neighbour, { record, hops }: Arrival): void {
    this.#transmit(neighbour, this.#frameOf(neighbour.cursor, record, hops))
    const { firstSeq, count } = record.header
    if (!this.#isOwn(record)) return
    this.#outputs.push({ type: 'pushed', peer: neighbour.handle, from: firstSeq, to: firstSeq + count })
  }

  /** Live records, unless it has them; of what was before, what it lacks of authors it followed and our own unconfirmed. */
  #wants(neighbour: Neighbour, { record, at, via }: Arrival): boolean {
    const { author, epoch, firstSeq, count } = record.header
    if (via === neighbour.handle || neighbour.signs(author, epoch)) return false
    const head = neighbour.headOf(author, epoch)
    if (head !== undefined) return firstSeq + count > head
    if (neighbour.cursor >= neighbour.liveFrom || at > neighbour.liveSince) return true
    return this.#isOwn(record) && !this.#confirmed.covers(firstSeq, firstSeq + count)
  }

  /** Tells a neighbour how far its own messages have been handed to our room. */
  #acknowledge(neighbour: Neighbour): void {
    if (neighbour.author === null) return
    const run = this.#ordering.runOf(neighbour.author, neighbour.epoch)
    const [from, to] = neighbour.acknowledged
    if (run[0] === run[1] || (run[0] === from && run[1] === to) || !this.#hasWindow(neighbour)) return
    neighbour.acknowledged = run
    this.#send(neighbour, { type: 'ack', from: run[0], to: run[1] })
  }

  #isOwn({ header }: SignedRecord): boolean {
    return header.author === this.#publisher.author.id && header.epoch === this.#publisher.epoch
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
    const at = this.#ordering.deadline
    if (at === this.#wakeAt) return
    this.#wakeAt = at
    this.#outputs.push({ type: 'wake', at })
  }
}

/** Header ‖ signature: what a third party needs to verify. */
function proofOf({ signed, signature }: SignedRecord): Uint8Array {
  const proof = new Uint8Array(signed.byteLength + signature.byteLength)
  proof.set(signed)
  proof.set(signature, signed.byteLength)
  return proof
}
