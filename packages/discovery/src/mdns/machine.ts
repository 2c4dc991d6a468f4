// Discovery on the local network, without sockets, timers or clocks: what to say on which interface and when, and who was
// heard. `handle` takes one input and the time and returns what is to be done, in order. It never throws on what a remote
// sent, and a late or doubled `wake` is harmless.
//
//   input            | effect
//   -----------------|----------------------------------------------------------------------------------------------
//   join             | announce now and 1 s later (RFC 6762 §8.3), query now, and whoever was heard before is a candidate
//   leave, close     | goodbye for the labels that end
//   up               | announce and query on that interface; after the start under new labels
//   query heard      | answer in 20 to 120 ms, at most once in 250 ms an interface, unless the asker knows us
//   response heard   | remember its instances; those with a topic of ours are candidates; goodbyes forget
//   wake             | whatever is due: queries by schedule, answers, announcements, new labels each hour

import { type Crypto, type Random, saltedTopicHash, sodiumCrypto, type Topic } from '@hearsay/core'
import { createLookupSchedule, type LookupSchedule } from '../schedule.js'
import type { MdnsHeard, MdnsInput, MdnsMachine, MdnsMachineOptions, MdnsOutput } from './contract.js'
import { Intake } from './intake.js'
import {
  MAX_KNOWN_ANSWERS,
  type MdnsInstance,
  type MdnsMessage,
  type MdnsQuery,
  type MdnsResponse,
  TTL_S,
} from './message.js'
import { hostOf, type Neighbour, Neighbours } from './neighbours.js'
import { OwnInstances } from './own-instances.js'

const REPEAT_MS = 1_000
const ANSWER_AFTER_MS = 20
const ANSWER_SPREAD_MS = 100
const ANSWER_PAUSE_MS = 250
const LOOKUP_CAP_MS = 30_000
const LOOKUP_SETTLED_MS = 120_000
const LABEL_LIFE_MS = 3_600_000

/** The state machine of one node on all its interfaces. */
export function createMdnsMachine(options: MdnsMachineOptions): MdnsMachine {
  return new Machine(options.random, options.crypto ?? sodiumCrypto())
}

interface Session {
  readonly id: number
  readonly topic: Topic
  readonly lookup: boolean
  flushed: boolean
}

interface Interface {
  readonly name: string
  announceAt: readonly number[]
  answerAt: number | null
  queryAt: number | null
  spokeAt: number
}

class Machine implements MdnsMachine {
  readonly #random: Random
  readonly #crypto: Crypto
  readonly #schedule: LookupSchedule
  readonly #own: OwnInstances
  readonly #known = new Neighbours()
  readonly #intake = new Intake()
  readonly #sessions = new Map<number, Session>()
  readonly #interfaces = new Map<string, Interface>()
  #out: MdnsOutput[] = []
  #scanned = false
  #relabelAt = Number.POSITIVE_INFINITY
  #wakeAt: number | null = null

  constructor(random: Random, crypto: Crypto) {
    this.#random = random
    this.#crypto = crypto
    this.#schedule = createLookupSchedule({ capMs: LOOKUP_CAP_MS, settledMs: LOOKUP_SETTLED_MS, random }, 0)
    this.#own = new OwnInstances(random, crypto)
  }

  get neighbours(): number {
    return this.#known.size
  }

  handle(input: MdnsInput, now: number): MdnsOutput[] {
    this.#out = []
    this.#decide(input, now)
    this.#askForWake(now)
    return this.#out
  }

  #decide(input: MdnsInput, now: number): void {
    switch (input.type) {
      case 'join':
        return this.#onJoin(input, now)
      case 'leave':
        return this.#onLeave(input.session, now)
      case 'refresh':
        return this.#schedule.reset(now)
      case 'up':
        return this.#onUp(input.interface, now)
      case 'down':
        this.#interfaces.delete(input.interface)
        return this.#known.forgetInterface(input.interface)
      case 'scanned':
        this.#scanned = true
        return
      case 'message':
        return this.#onMessage(input, now)
      case 'wake':
        return this.#onWake(input.lonely, now)
      case 'close':
        this.#sessions.clear()
        this.#own.clear()
        return this.#sayGoodbye(this.#own.settle(), now)
    }
  }

  #onJoin({ session: id, topic, wish }: Extract<MdnsInput, { type: 'join' }>, now: number): void {
    const session = { id, topic, lookup: wish.lookup, flushed: false }
    this.#sessions.set(id, session)
    if (wish.port !== null) {
      if (!this.#announces()) this.#relabel(now)
      this.#own.add(id, { topic, port: wish.port })
      this.#announceSoon(now)
    }
    if (!wish.lookup) return
    this.#schedule.reset(now)
    for (const neighbour of this.#known.alive(now)) {
      if (!this.#hasTopic(neighbour.instance, session)) continue
      neighbour.sharedBy.add(id)
      this.#tell(id, neighbour)
    }
  }

  /** The goodbye is among the outputs; what is still announced follows under a new label. */
  #onLeave(id: number, now: number): void {
    this.#sessions.delete(id)
    this.#known.forgetSession(id)
    this.#own.remove(id)
    const ended = this.#own.settle()
    if (ended.length === 0) return
    this.#sayGoodbye(ended, now)
    this.#announceSoon(now)
  }

  /** A network that is new to us does not learn by which labels the others know us. */
  #onUp(name: string, now: number): void {
    if (this.#scanned && this.#announces()) this.#relabel(now)
    const announceAt = [now, now + REPEAT_MS]
    this.#interfaces.set(name, { name, announceAt, answerAt: null, queryAt: now, spokeAt: Number.NEGATIVE_INFINITY })
  }

  #onMessage(heard: MdnsHeard, now: number): void {
    const on = this.#interfaces.get(heard.interface)
    if (!on) return
    if (heard.message.kind === 'query') this.#onQuery(heard.message, on, now)
    else this.#onResponse(heard.message, heard, now)
  }

  /** Our own query comes back to us too; it names our labels as known, so it stays unanswered. */
  #onQuery(query: MdnsQuery, on: Interface, now: number): void {
    if (this.#own.labels.every((label) => query.known.includes(label))) return
    const jittered = now + ANSWER_AFTER_MS + this.#random.below(ANSWER_SPREAD_MS + 1)
    on.answerAt ??= Math.max(jittered, on.spokeAt + ANSWER_PAUSE_MS)
  }

  /** Goodbyes first: a node that changes its label ends the old one in the packet that brings the new one. */
  #onResponse({ goodbyes, instances }: MdnsResponse, { source, ...heard }: MdnsHeard, now: number): void {
    for (const label of goodbyes) {
      const neighbour = this.#known.take({ source, label })
      for (const session of neighbour?.sharedBy ?? []) if (neighbour) this.#tellLost(session, neighbour)
    }
    for (const instance of instances) {
      if (this.#own.isOwn(instance.label)) continue
      const from = { source, interface: heard.interface, here: heard.here ?? false, heardAt: now }
      const sharedBy = this.#known.same(source, instance)?.sharedBy ?? this.#sharers(instance, from)
      if (!sharedBy) continue
      const neighbour = { instance, ...from, sharedBy }
      this.#known.put(neighbour)
      for (const session of sharedBy) this.#tell(session, neighbour)
    }
  }

  /** The sessions that have a topic of a new instance; null if this was one too many to look at. */
  #sharers(instance: MdnsInstance, from: { source: string; here: boolean; heardAt: number }): Set<number> | null {
    const looking = [...this.#sessions.values()].filter(({ lookup }) => lookup)
    if (!this.#intake.admits(from.here ? null : from.source, looking.length, from.heardAt)) return null
    return new Set(looking.filter((session) => this.#hasTopic(instance, session)).map(({ id }) => id))
  }

  #onWake(lonely: boolean, now: number): void {
    this.#wakeAt = null
    if (now >= this.#relabelAt && this.#announces()) this.#relabel(now)
    this.#sayGoodbye(this.#own.settle(), now)
    if (this.#looks() && this.#schedule.due(now, lonely ? 0 : 1)) {
      for (const on of this.#interfaces.values()) on.queryAt = now
    }
    for (const on of this.#interfaces.values()) this.#speak(on, now)
    if (this.#scanned) this.#flush()
  }

  #relabel(now: number): void {
    this.#relabelAt = now + LABEL_LIFE_MS
    this.#sayGoodbye(this.#own.rotate(), now)
    this.#announceSoon(now)
  }

  /** Announcements before the query: whoever hears the query has heard us. */
  #speak(on: Interface, now: number): void {
    const due = (at: number | null): boolean => at !== null && at <= now
    if (on.announceAt.some(due) || due(on.answerAt)) {
      on.announceAt = on.announceAt.filter((at) => at > now)
      on.answerAt = null
      if (this.#own.instances.length > 0) on.spokeAt = now
      for (const instance of this.#own.instances)
        this.#say(on, { kind: 'response', instances: [instance], goodbyes: [] })
    }
    if (!due(on.queryAt)) return
    on.queryAt = null
    if (this.#looks()) this.#say(on, { kind: 'query', known: this.#knownAnswers(on, now) })
  }

  /** Ourselves, and those who have no topic of ours: the others should answer, for that is how they are heard again. */
  #knownAnswers(on: Interface, now: number): string[] {
    const strangers = this.#known.fresh(on.name, now).filter(({ sharedBy }) => sharedBy.size === 0)
    const labels = [...this.#own.labels, ...strangers.map(({ instance }) => instance.label)]
    return labels.slice(0, MAX_KNOWN_ANSWERS)
  }

  #announceSoon(now: number): void {
    for (const on of this.#interfaces.values()) on.announceAt = [now, now + REPEAT_MS]
  }

  /** Where nobody can still believe the labels, a goodbye would only tell that the old and the new are one node. */
  #sayGoodbye(goodbyes: readonly string[], now: number): void {
    if (goodbyes.length === 0) return
    for (const on of this.#interfaces.values()) {
      if (now < on.spokeAt + TTL_S * 1_000) this.#say(on, { kind: 'response', instances: [], goodbyes })
    }
  }

  #say(on: Interface, message: MdnsMessage): void {
    this.#out.push({ type: 'send', interface: on.name, message })
  }

  #flush(): void {
    for (const session of this.#sessions.values()) {
      if (!session.flushed) this.#out.push({ type: 'flushed', session: session.id })
      session.flushed = true
    }
  }

  #hasTopic({ hashes, salt }: MdnsInstance, { topic }: Session): boolean {
    if (hashes.length === 0) return false
    const own = Buffer.from(saltedTopicHash(topic, salt, this.#crypto))
    return hashes.some((hash) => own.equals(hash))
  }

  #tell(session: number, neighbour: Neighbour): void {
    this.#out.push({ type: 'candidate', session, host: hostOf(neighbour), port: neighbour.instance.port })
  }

  #tellLost(session: number, neighbour: Neighbour): void {
    const { port } = neighbour.instance
    if (this.#sessions.has(session)) this.#out.push({ type: 'lost', session, host: hostOf(neighbour), port })
  }

  #announces(): boolean {
    return this.#own.size > 0
  }

  #looks(): boolean {
    return [...this.#sessions.values()].some(({ lookup }) => lookup)
  }

  #askForWake(now: number): void {
    const times = [...this.#interfaces.values()].flatMap((on) => [...on.announceAt, on.answerAt, on.queryAt])
    if (this.#looks()) times.push(this.#schedule.nextAt)
    if (this.#announces()) times.push(this.#relabelAt)
    if (this.#scanned && [...this.#sessions.values()].some(({ flushed }) => !flushed)) times.push(now)
    const at = Math.max(now, Math.min(...times.filter((time) => time !== null)))
    // A wake that comes too early is harmless, so only an earlier one replaces what was asked for.
    if (!Number.isFinite(at) || (this.#wakeAt !== null && this.#wakeAt <= at)) return
    this.#wakeAt = at
    this.#out.push({ type: 'wake', at })
  }
}
