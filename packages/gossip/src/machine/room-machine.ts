// The machine that every engine is: hellos, checks, order, acknowledgements, forks, windows, questions and answers. An engine
// adds how a new record goes on (`Spread`), and nothing else, so that nodes with different engines understand each other.

import type { Input, Machine, MachineContext, Output, PeerHandle } from '../engine.js'
import { decodeFrame, type Frame } from '../frames/frames.js'
import { MAX_HOPS } from '../frames/range-frames.js'
import type { Assemblies } from '../large/assemblies.js'
import { LargeRecords } from '../large/large-records.js'
import { type Hole, Ordering } from '../order/ordering.js'
import { Exchange } from '../repair/exchange.js'
import type { Wants } from '../repair/wants.js'
import { Serving } from '../serving/serving.js'
import type { MakeSpread, Spread } from '../spread/spread.js'
import type { Accounts } from './accounts.js'
import { Admission } from './admission.js'
import { Alarm } from './alarm.js'
import { ArrivalLog, type Source } from './arrivals.js'
import { type InputOfOne, isOfOne } from './concern.js'
import { Doubtful } from './doubtful.js'
import { Findings } from './findings.js'
import { Forks, type ToldFork } from './forks.js'
import { attempt, type Fault, Intake } from './intake.js'
import { Judgement } from './judgement.js'
import { beginOf, Neighbour } from './neighbour.js'
import { PastHeads } from './past-heads.js'
import { Publisher } from './publisher.js'
import { Restoring } from './restoring.js'
import { Twins } from './twins.js'
import { UnheardWords } from './unheard.js'
import { Waiting } from './waiting.js'

/** How long a neighbour may stay mute: publishers would wait for it to take what they say. */
const HELLO_MS = 10_000

type Of<Type extends Input['type']> = Extract<Input, { type: Type }>
type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

export class RoomMachine implements Machine {
  readonly #publisher: Publisher
  readonly #past: PastHeads
  readonly #log: ArrivalLog
  readonly #ordering: Ordering
  readonly #intake: Intake
  readonly #forks: Forks
  readonly #exchange: Exchange
  readonly #wants: Wants
  readonly #assemblies: Assemblies
  readonly #large: LargeRecords
  readonly #spread: Spread
  readonly #serving: Serving
  readonly #restoring: Restoring
  readonly #waiting: Waiting
  readonly #admission: Admission
  readonly #judgement: Judgement | null
  readonly #doubtful: Doubtful
  readonly #findings: Findings
  readonly #twins: Twins
  readonly #neighbours = new Map<PeerHandle, Neighbour>()
  readonly #unheard: UnheardWords
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
    const { capacity: messages, capacityBytes: bytes } = context.limits
    const emit = (output: Output): unknown => this.#outputs.push(output)
    const { order = 'author', members = null, crypto } = context
    const past = new PastHeads(crypto)
    this.#past = past
    const isTracked = ({ author, epoch }: Source): boolean => this.#ordering.isTracked(author, epoch)
    const log = new ArrivalLog({ messages, bytes }, { past, isTracked })
    const isComing = (hole: Hole, at: number): boolean => this.#waiting.isComing(hole, at)
    const settleMs = (at: number): number => this.#waiting.settleMs(at)
    const moved = (place: Source): void => {
      this.#exchange.waiters.moved(place, this.#now)
      this.#forks.heard(place)
    }
    const { limits, epoch, keeps = false, doubts = false } = context
    const forgotten = (place: Source): void => past.forgetAll(place)
    const ordering = new Ordering({
      ...{ limits, order, members, crypto, epoch, keeps, emit, settleMs, isComing, moved, forgotten },
      beginsAt: (pending) => beginOf(this.#neighbours.values(), pending, this.#serving.since),
    })
    const publisher = new Publisher(context)
    const spread = makeSpread(this.#neighbours)
    const { since = 'live' } = context
    this.#publisher = publisher
    this.#unheard = new UnheardWords({ author: context.author.id, epoch })
    this.#log = log
    this.#ordering = ordering
    this.#spread = spread
    this.#intake = new Intake(context, log, ordering)
    const isOwn = (place: Source): boolean => publisher.signs(place)
    this.#forks = new Forks(context, { ordering, emit, isOwn, spread: (fork) => this.#spreadFork(fork) })
    const neighbours = this.#neighbours
    const assemblies = (): Assemblies => this.#assemblies
    const exchange = new Exchange({ log, ordering, spread, neighbours, assemblies, doubts })
    const judgement = context.judges ? new Judgement(emit) : null
    this.#judgement = judgement
    this.#exchange = exchange
    this.#twins = new Twins({ publisher, emit, ask: ({ handle }, range, now) => exchange.ask(handle, range, now) })
    this.#waiting = new Waiting({
      ...{ limits: context.limits, since, exchange, assemblies },
      ...{ presentSince: () => this.#presentSince, linkedSince: () => this.#linkedSince },
    })
    this.#admission = new Admission({
      ...{ crypto, log, ordering, exchange, assemblies, spread, neighbours, judgement, emit },
    })
    this.#findings = new Findings({
      ...{ log, forks: this.#forks, exchange, spread, publisher, emit },
      misbehaved: (neighbour, fault, at) => this.#misbehaved(neighbour, fault, at),
    })
    this.#doubtful = new Doubtful({
      ...{ capacityBytes: bytes, log, ordering, exchange, neighbours },
      ...{ intake: this.#intake, forks: this.#forks, admission: this.#admission },
    })
    this.#wants = this.#exchange.wants
    const shared = { log, ordering, publisher, spread, since, emit }
    const { errands, waiters } = exchange
    this.#serving = new Serving({ ...shared, neighbours, errands, waiters, unheard: this.#unheard })
    this.#restoring = new Restoring(context, { log, ordering, unheard: this.#unheard, emit })
    this.#large = new LargeRecords({
      ...{ crypto, maxBytes: bytes, log, ordering, neighbours, isJudged: judgement !== null },
      ...{ intake: this.#intake, wants: this.#wants, serving: this.#serving },
      enter: (entry, from, at) => {
        if (from) this.#twins.heard(entry.record)
        return this.#admission.enter(entry, from, at)
      },
      heard: (peer, at) => this.#exchange.heard(peer, at),
      whole: (arriving) => this.#doubtful.take(arriving),
      forgotten: (evicted) => this.#admission.forgotten(evicted),
      onKnown: (neighbour, finding, how) => this.#findings.known(neighbour, finding, how),
      onOther: (neighbour, finding, at) => this.#findings.take(neighbour, finding, at),
      misbehaved: (neighbour, fault, at) => this.#misbehaved(neighbour, fault, at),
    })
    this.#assemblies = this.#large.assemblies
  }

  handle(input: Input, now: number): readonly Output[] {
    this.#outputs = []
    this.#now = now
    const { next } = this.#log
    const { deliveries } = this.#ordering
    this.#dispatch(input, now)
    this.#assemblies.expire(now)
    this.#ordering.expire(now)
    this.#exchange.expire(now)
    this.#doubtful.release(now)
    this.#takeEarlyProofs(now)
    const isRound = this.#spread.beginRound?.(this.#log.next, now) ?? false
    const hasNews =
      this.#assemblies.takeStirred() || this.#log.next !== next || this.#ordering.deliveries !== deliveries
    this.#serveThose(isRound || hasNews || !isOfOne(input) ? null : input, now)
    this.#reschedule(input.type === 'timer')
    return this.#outputs
  }

  accounts(): Accounts {
    const { account: history } = this.#log
    const { held, authors } = this.#ordering
    const { trees } = this.#spread
    return {
      ...{ history, held, ...authors, wants: this.#wants.account, heads: this.#past.account },
      ...{ parts: this.#assemblies.account, aside: this.#doubtful.account },
      ...(this.#judgement && { judged: this.#judgement.account }),
      ...(trees && { trees }),
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
        return this.#admission.onVerdict(input.ticket, input.verdict, now)
      case 'tick':
        return this.#spread.onTick?.()
      case 'flow':
        this.#waiting.setFlowing(input.flowing, now)
        return this.#assemblies.setFlowing(input.flowing, now)
      case 'timer':
        return
    }
  }

  #onRestore({ records, since }: Of<'restore'>, now: number): void {
    this.#restoring.restore(records, now)
    this.#spread.onRestored?.(this.#log.next)
    this.#serving.since = since
  }

  #onEpoch({ epoch }: Of<'epoch'>, now: number): void {
    for (const peer of [...this.#neighbours.keys()]) this.#forget(peer, now)
    this.#publisher.begin(epoch)
    this.#unheard.begin(epoch)
  }

  #onPeerUp({ peer, remote, window }: Of<'peer-up'>, now: number): void {
    const { oldest, next } = this.#log
    this.#neighbours.set(
      peer,
      new Neighbour({ handle: peer, remote, window, oldest, next, helloBy: now + HELLO_MS, alarm: this.#alarm }),
    )
    this.#exchange.up(peer)
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
    const { author, epoch, nextSeq: from } = this.#publisher
    const causes = this.#ordering.takeCauses(author.id, epoch)
    const signed = this.#publisher.sign(payloads, wall, causes)
    for (const { record } of signed) {
      const contents = { messages: [], causes: [] }
      this.#admission.accept(this.#admission.arriving(record, { contents, hops: 0, from: null, now }))
    }
    const kept = signed.flatMap(({ messages }) => messages)
    this.#outputs.push({ type: 'published', from, to: this.#publisher.nextSeq, payloads: kept })
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
        return this.#large.take(neighbour, frame, now)
      case 'ack':
        return this.#onAck(neighbour, frame, now)
      case 'fork':
        return this.#onProof(neighbour, frame, now)
      default: {
        const isBegin = frame.type === 'begin'
        const wrong = isBegin ? neighbour.hearBegin(frame) : this.#exchange.take(neighbour, frame, now)
        if (wrong !== null) this.#outOfPlace(neighbour, wrong, now)
      }
    }
  }

  #onHello(neighbour: Neighbour, hello: FrameOf<'hello'>, now: number): void {
    if (neighbour.introduced) return this.#outOfPlace(neighbour, 'a second hello', now)
    const [publisher, presentSince] = [this.#publisher, this.#presentSince ?? now]
    neighbour.introduce(hello, { log: this.#log, now, presentSince, publisher })
    this.#setAlarm()
    this.#linkedSince ??= now
    this.#exchange.introduced(neighbour, now)
    for (const { epoch, next: to } of this.#unheard.heads(hello.heads))
      this.#outputs.push({ type: 'heard', remote: neighbour.remote, epoch, from: 0, to })
    for (const proof of this.#forks.proofs) neighbour.owe(proof, now)
    for (const source of this.#restoring.hollow) this.#exchange.fillings.note(source, neighbour.handle, now)
    for (const head of hello.heads) if (publisher.signs(head)) this.#twins.claimed(neighbour, [0, head.next], now)
  }

  #onAck(neighbour: Neighbour, { from, to }: FrameOf<'ack'>, now: number): void {
    const said = this.#twins.claimed(neighbour, [from, to], now)
    if (!said) return
    this.#unheard.confirm(...said)
    this.#outputs.push({ type: 'confirmed', remote: neighbour.remote, from: said[0], to: said[1] })
  }

  #onProof(neighbour: Neighbour, { proof }: FrameOf<'fork'>, now: number): void {
    const fault = this.#forks.onProof(proof, neighbour.handle)
    if (fault) this.#misbehaved(neighbour, fault, now)
  }

  #onRecord(neighbour: Neighbour, frame: FrameOf<'record'>, now: number): void {
    const finding = this.#intake.judge(frame.record, neighbour.checksAt(now))
    if (finding.is === 'known') this.#large.fill(finding.record, now)
    if (finding.is !== 'new') return this.#findings.take(neighbour, finding, now)
    this.#twins.heard(finding.record)
    const hops = Math.min(frame.hops + 1, MAX_HOPS)
    const contents = finding.contents ?? { messages: [], causes: [] }
    const arriving = this.#admission.arriving(finding.record, { contents, hops, from: neighbour, now })
    this.#doubtful.take(arriving)
    this.#findings.noteShown(neighbour, finding.record)
  }

  /** Forks of those who had not been heard when they were told of. */
  #takeEarlyProofs(now: number): void {
    for (const { via, fault } of this.#forks.takeEarly()) {
      const neighbour = this.#neighbours.get(via)
      if (neighbour) this.#misbehaved(neighbour, fault, now)
    }
  }

  #spreadFork({ proof, via }: ToldFork): void {
    this.#assemblies.dropIf(({ record }) => this.#ordering.isFrozen(record.header), this.#now)
    for (const neighbour of this.#neighbours.values()) {
      if (neighbour.introduced && neighbour.handle !== via) neighbour.owe(proof, this.#now)
    }
  }

  #serve(neighbour: Neighbour, now: number): void {
    if (!neighbour.introduced && now >= neighbour.helloBy) return this.#outOfPlace(neighbour, 'no hello', now)
    this.#serving.serve(neighbour, now, Math.ceil(now - (this.#presentSince ?? now)))
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
    this.#exchange.down(peer, now)
    this.#assemblies.down(peer, now)
    this.#spread.onPeerDown(peer, now)
    if (![...this.#neighbours.values()].some(({ introduced }) => introduced)) this.#linkedSince = null
  }

  /** A timer that was given is gone, and may have come before its time: what is still due is asked for again. */
  #reschedule(given: boolean): void {
    const never = Number.POSITIVE_INFINITY
    const due = Math.min(
      this.#ordering.deadline ?? never,
      this.#exchange.deadline,
      this.#doubtful.deadline,
      this.#assemblies.deadline,
      this.#spread.dueAt ?? never,
      this.#alarm.at,
    )
    const at = due === never ? null : due
    if (at === this.#wakeAt && (at === null || !given)) return
    this.#wakeAt = at
    this.#outputs.push({ type: 'wake', at })
  }
}
