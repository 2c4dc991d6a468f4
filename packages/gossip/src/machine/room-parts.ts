// What a room's machine is made of, and who of them knows whom: the machine gives each input to the parts that it concerns.

import type { MachineContext, Output, PeerHandle } from '../engine.js'
import type { Assemblies } from '../large/assemblies.js'
import { LargeRecords } from '../large/large-records.js'
import { Ordering } from '../order/ordering.js'
import { Exchange } from '../repair/exchange.js'
import { Serving } from '../serving/serving.js'
import type { MakeSpread, Spread } from '../spread/spread.js'
import { Admission } from './admission.js'
import { ArrivalLog, type Source } from './arrivals.js'
import { Doubtful } from './doubtful.js'
import { Findings } from './findings.js'
import { Forks, type ToldFork } from './forks.js'
import { type Fault, Intake } from './intake.js'
import { Judgement } from './judgement.js'
import { beginOf, type Neighbour } from './neighbour.js'
import { PastHeads } from './past-heads.js'
import { Publisher } from './publisher.js'
import { Restoring } from './restoring.js'
import { Twins } from './twins.js'
import { UnheardWords } from './unheard.js'
import { Waiting } from './waiting.js'

/** The machine, as its parts see it. */
export interface RoomHost {
  readonly neighbours: ReadonlyMap<PeerHandle, Neighbour>
  /** When the input at work came. */
  now(): number
  /** When the first channel of this room opened. */
  presentSince(): number | null
  /** When the first of those came that have said hello, since there was none; null while there is none. */
  linkedSince(): number | null
  emit(output: Output): void
  spreadFork(fork: ToldFork): void
  misbehaved(neighbour: Neighbour, fault: Fault, now: number): void
}

export interface RoomParts {
  readonly publisher: Publisher
  readonly past: PastHeads
  readonly log: ArrivalLog
  readonly ordering: Ordering
  readonly intake: Intake
  readonly forks: Forks
  readonly exchange: Exchange
  readonly large: LargeRecords
  readonly assemblies: Assemblies
  readonly spread: Spread
  readonly serving: Serving
  readonly restoring: Restoring
  readonly waiting: Waiting
  readonly admission: Admission
  /** Null if the application judges nothing. */
  readonly judgement: Judgement | null
  readonly doubtful: Doubtful
  readonly findings: Findings
  readonly twins: Twins
  readonly unheard: UnheardWords
}

export function createParts(context: MachineContext, makeSpread: MakeSpread, host: RoomHost): RoomParts {
  const { crypto, limits, epoch, order = 'author', members = null, keeps = false, doubts = false } = context
  const { since = 'live' } = context
  const { capacity: messages, capacityBytes: bytes } = limits
  const { neighbours, emit, misbehaved } = host
  const past = new PastHeads(crypto)
  const isTracked = (place: Source): boolean => ordering.isTracked(place.author, place.epoch)
  const log = new ArrivalLog({ messages, bytes }, { past, isTracked })
  const ordering: Ordering = new Ordering({
    ...{ limits, order, members, crypto, epoch, keeps, emit },
    settleMs: (now) => waiting.settleMs(now),
    isComing: (hole, now) => waiting.isComing(hole, now),
    moved: (place) => {
      exchange.waiters.moved(place, host.now())
      forks.heard(place)
    },
    forgotten: (place) => past.forgetAll(place),
    beginsAt: (pending) => beginOf(neighbours.values(), pending, serving.since),
  })
  const publisher = new Publisher(context)
  const spread = makeSpread(neighbours)
  const unheard = new UnheardWords({ author: context.author.id, epoch })
  const intake = new Intake(context, log, ordering)
  const isOwn = (place: Source): boolean => publisher.signs(place)
  const forks = new Forks(context, { ordering, emit, isOwn, spread: (fork) => host.spreadFork(fork) })
  const assemblies = (): Assemblies => large.assemblies
  const exchange = new Exchange({ log, ordering, spread, neighbours, assemblies, doubts })
  const judgement = context.judges ? new Judgement(emit) : null
  const twins = new Twins({ publisher, emit, ask: ({ handle }, range, now) => exchange.ask(handle, range, now) })
  const { presentSince, linkedSince } = host
  const waiting = new Waiting({ limits, since, exchange, assemblies, presentSince, linkedSince })
  const admission = new Admission({
    ...{ crypto, log, ordering, exchange, assemblies, spread, neighbours, judgement, emit },
  })
  const findings = new Findings({ log, forks, exchange, spread, publisher, emit, misbehaved })
  const doubtful = new Doubtful({
    ...{ capacityBytes: bytes, log, ordering, exchange, neighbours, intake, forks, admission },
  })
  const { errands, waiters, wants } = exchange
  const serving = new Serving({
    ...{ log, ordering, publisher, spread, since, emit, neighbours, errands, waiters, unheard },
  })
  const restoring = new Restoring(context, { log, ordering, unheard, emit })
  const large = new LargeRecords({
    ...{ crypto, maxBytes: bytes, log, ordering, neighbours, isJudged: judgement !== null },
    ...{ intake, wants, serving, misbehaved },
    enter: (entry, from, now) => {
      if (from) twins.heard(entry.record)
      return admission.enter(entry, from, now)
    },
    heard: (peer, now) => exchange.heard(peer, now),
    whole: (arriving) => doubtful.take(arriving),
    forgotten: (evicted) => admission.forgotten(evicted),
    onKnown: (neighbour, finding, how) => findings.known(neighbour, finding, how),
    onOther: (neighbour, finding, now) => findings.take(neighbour, finding, now),
  })
  return {
    ...{
      publisher,
      past,
      log,
      ordering,
      intake,
      forks,
      exchange,
      large,
      assemblies: large.assemblies,
      spread,
      serving,
    },
    ...{ restoring, waiting, admission, judgement, doubtful, findings, twins, unheard },
  }
}
