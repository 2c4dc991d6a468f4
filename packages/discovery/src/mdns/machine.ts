// Discovery on the local network, without sockets, timers or clocks: what to say on which interface and when, and who was
// heard. `handle` takes one input and the time and returns what is to be done, in order. It never throws on what a remote
// sent, and a late or doubled `wake` is harmless.
//
//   input            | effect
//   -----------------|----------------------------------------------------------------------------------------------
//   join             | announce now and 1 s later (RFC 6762 §8.3), query now, and whoever was heard before is a candidate
//   leave, close     | goodbye for the labels that end
//   up               | announce and query on that interface
//   query heard      | answer in 20 to 120 ms, at most once in 250 ms an interface, unless the asker knows us
//   response heard   | remember its instances; those with a topic of ours are candidates; goodbyes forget
//   wake             | whatever is due: queries by schedule, answers, announcements, new labels each hour

import { type Crypto, type Random, saltedTopicHash, sodiumCrypto, type Topic } from '@hearsay/core'
import { createLookupSchedule, type LookupSchedule } from '../schedule.js'
import type { MdnsInput, MdnsMachine, MdnsMachineOptions, MdnsOutput } from './contract.js'
import { MAX_KNOWN_ANSWERS, type MdnsMessage, type MdnsQuery, type MdnsResponse } from './message.js'
import { type Neighbour, Neighbours } from './neighbours.js'
import { OwnInstances } from './own-instances.js'

const REPEAT_MS = 1_000
const ANSWER_AFTER_MS = 20
const ANSWER_SPREAD_MS = 100
const ANSWER_PAUSE_MS = 250
const LOOKUP_CAP_MS = 30_000
const LOOKUP_SETTLED_MS = 120_000
const LABEL_LIFE_MS = 3_600_000
/** Instances considered in a second; checking one costs a hash for each topic of ours. */
const MAX_INSTANCES_PER_S = 256

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
  readonly #sessions = new Map<number, Session>()
  readonly #interfaces = new Map<string, Interface>()
  #out: MdnsOutput[] = []
  #scanned = false
  #relabelAt = Number.POSITIVE_INFINITY
  #wakeAt: number | null = null
  #window = { startedAt: Number.NEGATIVE_INFINITY, instances: 0 }

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
        return this.#sayGoodbye(this.#own.settle())
    }
  }

  #onJoin({ session: id, topic, wish }: Extract<MdnsInput, { type: 'join' }>, now: number): void {
    const session = { id, topic, lookup: wish.lookup, flushed: false }
    this.#sessions.set(id, session)
    if (wish.port !== null) {
      if (!this.#announces()) this.#relabelAt = now + LABEL_LIFE_MS
      this.#own.add(id, { topic, port: wish.port })
      this.#announceSoon(now)
    }
    if (!wish.lookup) return
    this.#schedule.reset(now)
    for (const neighbour of this.#known.alive(now)) if (this.#isShared(neighbour, session)) this.#tell(id, neighbour)
  }

  /** The goodbye is among the outputs; what is still announced follows under a new label. */
  #onLeave(id: number, now: number): void {
    this.#sessions.delete(id)
    this.#own.remove(id)
    const ended = this.#own.settle()
    if (ended.length === 0) return
    this.#sayGoodbye(ended)
    this.#announceSoon(now)
  }

  #onUp(name: string, now: number): void {
    const announceAt = [now, now + REPEAT_MS]
    this.#interfaces.set(name, { name, announceAt, answerAt: null, queryAt: now, spokeAt: Number.NEGATIVE_INFINITY })
  }

  #onMessage({ message, ...from }: Extract<MdnsInput, { type: 'message' }>, now: number): void {
    const on = this.#interfaces.get(from.interface)
    if (!on) return
    if (message.kind === 'query') this.#onQuery(message, on, now)
    else this.#onResponse(message, from, now)
  }

  /** Our own query comes back to us too; it names our labels as known, so it stays unanswered. */
  #onQuery(query: MdnsQuery, on: Interface, now: number): void {
    if (this.#own.labels.every((label) => query.known.includes(label))) return
    const jittered = now + ANSWER_AFTER_MS + this.#random.below(ANSWER_SPREAD_MS + 1)
    on.answerAt ??= Math.max(jittered, on.spokeAt + ANSWER_PAUSE_MS)
  }

  /** Goodbyes first: a node that changes its label ends the old one in the packet that brings the new one. */
  #onResponse(response: MdnsResponse, from: { interface: string; source: string }, now: number): void {
    for (const label of response.goodbyes) {
      const neighbour = this.#known.take({ source: from.source, label })
      for (const session of neighbour?.sharedBy ?? []) if (neighbour) this.#tellLost(session, neighbour)
    }
    for (const instance of response.instances) {
      if (this.#own.isOwn(instance.label) || !this.#withinBudget(now)) continue
      const neighbour = {
        instance,
        interface: from.interface,
        source: from.source,
        heardAt: now,
        sharedBy: new Set<number>(),
      }
      this.#known.put(neighbour)
      for (const session of this.#sessions.values())
        if (this.#isShared(neighbour, session)) this.#tell(session.id, neighbour)
    }
  }

  #onWake(lonely: boolean, now: number): void {
    this.#wakeAt = null
    if (now >= this.#relabelAt && this.#announces()) this.#relabel(now)
    this.#sayGoodbye(this.#own.settle())
    if (this.#looks() && this.#schedule.due(now, lonely ? 0 : 1)) {
      for (const on of this.#interfaces.values()) on.queryAt = now
    }
    for (const on of this.#interfaces.values()) this.#speak(on, now)
    if (this.#scanned) this.#flush()
  }

  #relabel(now: number): void {
    this.#relabelAt = now + LABEL_LIFE_MS
    this.#sayGoodbye(this.#own.rotate())
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

  #sayGoodbye(goodbyes: readonly string[]): void {
    if (goodbyes.length === 0) return
    for (const on of this.#interfaces.values()) this.#say(on, { kind: 'response', instances: [], goodbyes })
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

  /** True if the neighbour has the session's topic, which it then remembers. */
  #isShared({ instance, sharedBy }: Neighbour, session: Session): boolean {
    if (!session.lookup || instance.hashes.length === 0) return false
    const own = Buffer.from(saltedTopicHash(session.topic, instance.salt, this.#crypto))
    const shared = instance.hashes.some((hash) => own.equals(hash))
    if (shared) sharedBy.add(session.id)
    return shared
  }

  #tell(session: number, { source, instance }: Neighbour): void {
    this.#out.push({ type: 'candidate', session, source, port: instance.port })
  }

  #tellLost(session: number, { source, instance }: Neighbour): void {
    if (this.#sessions.has(session)) this.#out.push({ type: 'lost', session, source, port: instance.port })
  }

  #announces(): boolean {
    return this.#own.size > 0
  }

  #looks(): boolean {
    return [...this.#sessions.values()].some(({ lookup }) => lookup)
  }

  #withinBudget(now: number): boolean {
    if (now >= this.#window.startedAt + 1_000) this.#window = { startedAt: now, instances: 0 }
    this.#window.instances += 1
    return this.#window.instances <= MAX_INSTANCES_PER_S
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
