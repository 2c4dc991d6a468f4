// The machine that every engine is: hellos, checks, order, acknowledgements, forks, windows, questions and answers. An engine
// adds how a new record goes on (`Spread`), and nothing else, so that nodes with different engines understand each other.

import type { Input, Machine, MachineContext, Output, PeerHandle } from '../engine.js'
import { decodeFrame, type Frame } from '../frames/frames.js'
import { MAX_HOPS } from '../frames/range-frames.js'
import type { MakeSpread } from '../spread/spread.js'
import type { Accounts } from './accounts.js'
import { Alarm } from './alarm.js'
import { type InputOfOne, isOfOne } from './concern.js'
import type { ToldFork } from './forks.js'
import { attempt, type Fault } from './intake.js'
import { Neighbour } from './neighbour.js'
import { createParts, type RoomParts } from './room-parts.js'

/** How long a neighbour may stay mute: publishers would wait for it to take what they say. */
const HELLO_MS = 10_000

type Of<Type extends Input['type']> = Extract<Input, { type: Type }>
type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

export class RoomMachine implements Machine {
  readonly #parts: RoomParts
  readonly #neighbours = new Map<PeerHandle, Neighbour>()
  /** When the next neighbour is to be told something. */
  readonly #alarm = new Alarm()
  #wakeAt: number | null = null
  /** When the first channel of this room opened. */
  #presentSince: number | null = null
  /** When the first of those came that have said hello, since there was none; null while there is none. */
  #linkedSince: number | null = null
  #outputs: Output[] = []
  /** When the input at work came. */
  #now = 0

  constructor(context: MachineContext, makeSpread: MakeSpread) {
    this.#parts = createParts(context, makeSpread, {
      neighbours: this.#neighbours,
      now: () => this.#now,
      presentSince: () => this.#presentSince,
      linkedSince: () => this.#linkedSince,
      emit: (output) => this.#outputs.push(output),
      spreadFork: (fork) => this.#spreadFork(fork),
      misbehaved: (neighbour, fault, now) => this.#misbehaved(neighbour, fault, now),
    })
  }

  handle(input: Input, now: number): readonly Output[] {
    this.#outputs = []
    this.#now = now
    const { log, ordering, assemblies, exchange, doubtful, spread } = this.#parts
    const { next } = log
    const { deliveries } = ordering
    this.#dispatch(input, now)
    assemblies.expire(now)
    ordering.expire(now)
    exchange.expire(now)
    doubtful.release(now)
    this.#takeEarlyProofs(now)
    const isRound = spread.beginRound?.(log.next, now) ?? false
    const hasNews = assemblies.takeStirred() || log.next !== next || ordering.deliveries !== deliveries
    this.#serveThose(isRound || hasNews || !isOfOne(input) ? null : input, now)
    this.#reschedule(input.type === 'timer')
    return this.#outputs
  }

  accounts(): Accounts {
    const { log, ordering, exchange, past, assemblies, doubtful, judgement, spread } = this.#parts
    return {
      ...{ history: log.account, held: ordering.held, ...ordering.authors, wants: exchange.wants.account },
      ...{ heads: past.account, parts: assemblies.account, aside: doubtful.account },
      ...(judgement && { judged: judgement.account }),
      ...(spread.trees && { trees: spread.trees }),
    }
  }

  /** What changed nothing here concerns nobody but the neighbour that it is from, and whoever is to be told something anyway. */
  #serveThose(only: InputOfOne | null, now: number): void {
    const peer = only && 'peer' in only ? only.peer : null
    if (only && this.#alarm.at > now) {
      const neighbour = peer === null ? undefined : this.#neighbours.get(peer)
      if (neighbour) this.#serve(neighbour, now)
    } else {
      for (const neighbour of this.#neighbours.values()) {
        if (!only || neighbour.handle === peer || neighbour.due <= now) this.#serve(neighbour, now)
      }
    }
    if (this.#alarm.at <= now) this.#setAlarm()
  }

  #setAlarm(): void {
    this.#alarm.clear()
    for (const { due } of this.#neighbours.values()) this.#alarm.set(due)
  }

  #dispatch(input: Input, now: number): void {
    switch (input.type) {
      case 'peer-up':
        return this.#onPeerUp(input, now)
      case 'peer-down':
        return this.#forget(input.peer, now)
      case 'window':
        return this.#onWindow(input)
      case 'frame':
        return this.#onFrame(input, now)
      case 'publish':
        return this.#onPublish(input, now)
      case 'restore':
        return this.#onRestore(input, now)
      case 'epoch':
        return this.#onEpoch(input, now)
      case 'verdict':
        return this.#parts.admission.onVerdict(input.ticket, input.verdict, now)
      case 'tick':
        return this.#parts.spread.onTick?.()
      case 'flow':
        this.#parts.waiting.setFlowing(input.flowing, now)
        return this.#parts.assemblies.setFlowing(input.flowing, now)
      case 'timer':
        return
    }
  }

  #onRestore({ records, since }: Of<'restore'>, now: number): void {
    this.#parts.restoring.restore(records, now)
    this.#parts.spread.onRestored?.(this.#parts.log.next)
    this.#parts.serving.since = since
  }

  #onEpoch({ epoch }: Of<'epoch'>, now: number): void {
    for (const peer of [...this.#neighbours.keys()]) this.#forget(peer, now)
    this.#parts.publisher.begin(epoch)
    this.#parts.unheard.begin(epoch)
  }

  #onPeerUp({ peer, remote, window }: Of<'peer-up'>, now: number): void {
    const { oldest, next } = this.#parts.log
    this.#neighbours.set(
      peer,
      new Neighbour({ handle: peer, remote, window, oldest, next, helloBy: now + HELLO_MS, alarm: this.#alarm }),
    )
    this.#parts.exchange.up(peer)
    this.#presentSince ??= now
  }

  #onWindow({ peer, bytes }: Of<'window'>): void {
    const neighbour = this.#neighbours.get(peer)
    if (!neighbour) return
    neighbour.window = bytes
    neighbour.blocked = bytes <= 0
    this.#alarm.set(neighbour.due)
  }

  #onPublish({ payloads, wall }: Of<'publish'>, now: number): void {
    const { publisher, ordering, admission } = this.#parts
    const { author, epoch, nextSeq: from } = publisher
    const causes = ordering.takeCauses(author.id, epoch)
    const signed = publisher.sign(payloads, wall, causes)
    for (const { record } of signed) {
      const contents = { messages: [], causes: [] }
      admission.accept(admission.arriving(record, { contents, hops: 0, from: null, now }))
    }
    const kept = signed.flatMap(({ messages }) => messages)
    this.#outputs.push({ type: 'published', from, to: publisher.nextSeq, payloads: kept })
  }

  #onFrame({ peer, frame: bytes }: Of<'frame'>, now: number): void {
    const neighbour = this.#neighbours.get(peer)
    if (!neighbour) return
    const read = attempt(() => decodeFrame(bytes))
    if ('fault' in read) return this.#misbehaved(neighbour, read.fault, now)
    const frame = read.value
    if (frame.type === 'hello') return this.#onHello(neighbour, frame, now)
    if (!neighbour.introduced) return this.#outOfPlace(neighbour, 'a frame before the hello', now)
    if (frame.type !== 'name' && frame.type !== 'begin') neighbour.hasSpoken = true
    switch (frame.type) {
      case 'record':
        return this.#onRecord(neighbour, frame, now)
      case 'head':
      case 'part':
      case 'wanted':
        return this.#parts.large.take(neighbour, frame, now)
      case 'ack':
        return this.#onAck(neighbour, frame, now)
      case 'fork':
        return this.#onProof(neighbour, frame, now)
      default: {
        const isBegin = frame.type === 'begin'
        const wrong = isBegin ? neighbour.hearBegin(frame) : this.#parts.exchange.take(neighbour, frame, now)
        if (wrong !== null) this.#outOfPlace(neighbour, wrong, now)
      }
    }
  }

  #onHello(neighbour: Neighbour, hello: FrameOf<'hello'>, now: number): void {
    if (neighbour.introduced) return this.#outOfPlace(neighbour, 'a second hello', now)
    const { publisher, log, exchange, unheard, forks, restoring, twins } = this.#parts
    neighbour.introduce(hello, { log, now, presentSince: this.#presentSince ?? now, publisher })
    this.#setAlarm()
    this.#linkedSince ??= now
    exchange.introduced(neighbour, now)
    for (const { epoch, next: to } of unheard.heads(hello.heads))
      this.#outputs.push({ type: 'heard', remote: neighbour.remote, epoch, from: 0, to })
    for (const proof of forks.proofs) neighbour.owe(proof, now)
    for (const source of restoring.hollow) exchange.fillings.note(source, neighbour.handle, now)
    for (const head of hello.heads) if (publisher.signs(head)) twins.claimed(neighbour, [0, head.next], now)
  }

  #onAck(neighbour: Neighbour, { from, to }: FrameOf<'ack'>, now: number): void {
    const said = this.#parts.twins.claimed(neighbour, [from, to], now)
    if (!said) return
    this.#parts.unheard.confirm(...said)
    this.#outputs.push({ type: 'confirmed', remote: neighbour.remote, from: said[0], to: said[1] })
  }

  #onProof(neighbour: Neighbour, { proof }: FrameOf<'fork'>, now: number): void {
    const fault = this.#parts.forks.onProof(proof, neighbour.handle)
    if (fault) this.#misbehaved(neighbour, fault, now)
  }

  #onRecord(neighbour: Neighbour, frame: FrameOf<'record'>, now: number): void {
    const { intake, large, findings, twins, admission, doubtful } = this.#parts
    const finding = intake.judge(frame.record, neighbour.checksAt(now))
    if (finding.is === 'known') large.fill(finding.record, now)
    if (finding.is !== 'new') return findings.take(neighbour, finding, now)
    twins.heard(finding.record)
    const hops = Math.min(frame.hops + 1, MAX_HOPS)
    const contents = finding.contents ?? { messages: [], causes: [] }
    const arriving = admission.arriving(finding.record, { contents, hops, from: neighbour, now })
    doubtful.take(arriving)
    findings.noteShown(neighbour, finding.record)
  }

  /** Forks of those who had not been heard when they were told of. */
  #takeEarlyProofs(now: number): void {
    for (const { via, fault } of this.#parts.forks.takeEarly()) {
      const neighbour = this.#neighbours.get(via)
      if (neighbour) this.#misbehaved(neighbour, fault, now)
    }
  }

  #spreadFork({ proof, via }: ToldFork): void {
    const { assemblies, ordering } = this.#parts
    assemblies.dropIf(({ record }) => ordering.isFrozen(record.header), this.#now)
    for (const neighbour of this.#neighbours.values()) {
      if (neighbour.introduced && neighbour.handle !== via) neighbour.owe(proof, this.#now)
    }
  }

  #serve(neighbour: Neighbour, now: number): void {
    if (!neighbour.introduced && now >= neighbour.helloBy) return this.#outOfPlace(neighbour, 'no hello', now)
    this.#parts.serving.serve(neighbour, now, Math.ceil(now - (this.#presentSince ?? now)))
  }

  #outOfPlace(neighbour: Neighbour, message: string, now: number): void {
    this.#misbehaved(neighbour, { code: 'ERR_FRAME', message, ban: false }, now)
  }

  #misbehaved(neighbour: Neighbour, fault: Fault, now: number): void {
    this.#forget(neighbour.handle, now)
    this.#outputs.push({ type: 'misbehaved', peer: neighbour.handle, ...fault })
  }

  #forget(peer: PeerHandle, now: number): void {
    if (!this.#neighbours.delete(peer)) return
    const { exchange, assemblies, spread } = this.#parts
    exchange.down(peer, now)
    assemblies.down(peer, now)
    spread.onPeerDown(peer, now)
    if (![...this.#neighbours.values()].some(({ introduced }) => introduced)) this.#linkedSince = null
  }

  /** A timer that was given is gone, and may have come before its time: what is still due is asked for again. */
  #reschedule(given: boolean): void {
    const { ordering, exchange, doubtful, assemblies, spread } = this.#parts
    const never = Number.POSITIVE_INFINITY
    const parts = [ordering.deadline ?? never, exchange.deadline, doubtful.deadline, assemblies.deadline]
    const due = Math.min(...parts, spread.dueAt ?? never, this.#alarm.at)
    const at = due === never ? null : due
    if (at === this.#wakeAt && (at === null || !given)) return
    this.#wakeAt = at
    this.#outputs.push({ type: 'wake', at })
  }
}
