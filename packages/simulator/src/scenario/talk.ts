// Questions, answers and direct messages of a scenario, over the links of its network: every node has the machine that a room
// has for them, on channels of their own, and an application that answers. What comes is held against what was asked and
// answered (questions.ts).

import type { Crypto, Identity, Random, Topic } from '@hearsay/core'
import {
  decodeQueryFrame,
  encodeQueryFrame,
  type QueryInput,
  QueryMachine,
  type QueryOutput,
  signAnswer,
  signQuery,
} from '@hearsay/gossip/machine'
import { type Misspeak, misspeaking } from '../adversaries/talkers.js'
import type { LinkChange } from '../network/options.js'
import { Path } from '../network/path.js'
import type { SimulatedNetwork } from '../network.js'
import { pick } from '../overlay.js'
import type { Cast } from './cast.js'
import type { Scenario } from './format.js'
import { Questions } from './questions.js'

/** The machine of a node's questions and answers. */
export interface TalkMachine {
  /** Questions that it remembers. */
  readonly size: number
  handle(input: QueryInput, now: number): readonly QueryOutput[]
}

/** What gossip has for it. */
export interface TalkProtocol {
  readonly QueryMachine: new (context: { readonly topic: Topic; readonly crypto: Crypto }) => TalkMachine
  readonly signQuery: typeof signQuery
  readonly signAnswer: typeof signAnswer
}

export const TALK: TalkProtocol = Object.freeze({ QueryMachine, signQuery, signAnswer })

export interface TalkOptions {
  readonly scenario: Scenario
  readonly network: SimulatedNetwork
  readonly cast: Cast
  readonly identities: readonly Identity[]
  readonly topic: Topic
  readonly crypto: Crypto
  readonly random: Random
  readonly protocol: TalkProtocol
  readonly onViolation: (violation: string) => void
}

/** One end of a channel. */
interface End {
  readonly from: number
  readonly to: number
  readonly handle: number
  readonly path: Path
  other: End | null
  isUp: boolean
}

type Given = Extract<QueryOutput, { type: 'query' }>

const ID_BYTES = 16
/** Among these adversaries no answer is lost that has another way; who is shut out later takes the ways through it along. */
const HARMLESS: ReadonlySet<string> = new Set(['forger', 'flooder'])
/** How long an application takes to answer, and one that is late beyond the asker's patience. */
const ANSWER_MS = 10
const LATE_MS = 300
/** No machine remembers a question for longer, whatever it says. */
const LONGEST_MS = 60_000

export class Talk {
  readonly #options: TalkOptions
  readonly #protocol: TalkProtocol
  readonly #machines: TalkMachine[]
  readonly #ends = new Map<number, End>()
  /** By node: its ends, by the node at the other end. */
  readonly #endsOf: readonly Map<number, End>[]
  readonly #late: ReadonlySet<number>
  readonly #misspeaking: readonly (Misspeak | null)[]
  readonly questions: Questions
  #nextHandle = 1

  constructor(options: TalkOptions) {
    const { scenario, cast, identities, network, random, protocol, onViolation } = options
    this.#options = options
    this.#protocol = protocol
    this.#machines = identities.map(() => this.#createMachine())
    this.#endsOf = identities.map(() => new Map())
    const late = scenario.queries?.late ?? 0
    this.#late = new Set(cast.honest.filter(() => random.below(1_000_000) < late * 1_000_000))
    this.#misspeaking = cast.roles.map((role, node) =>
      role ? misspeaking(role.type, { ...options, author: identities[node] as Identity }) : null,
    )
    this.questions = new Questions({
      ...{ ids: identities.map(({ id }) => id), late: this.#late, onViolation },
      isHonest: (node) => cast.isHonest(node),
      linkedTo: (node) => network.linkedTo(node),
      isWhole:
        scenario.faults.length === 0 &&
        scenario.path.loss === 0 &&
        scenario.adversaries.every(({ type }) => HARMLESS.has(type)),
    })
  }

  /** Schedules what is asked; answers when it is over. */
  schedule(startMs: number): number {
    const { scenario, network, cast, random } = this.#options
    const { count = 0, everyMs = 0, waitMs = 0 } = scenario.queries ?? {}
    for (let number = 0; number < count; number++) {
      network.at(startMs + number * everyMs, () => {
        const living = cast.honest.filter((node) => network.nodes[node]?.isAtWork)
        if (living.length > 0) this.#ask(pick(living, random), number)
      })
    }
    return startMs + count * everyMs + waitMs + LATE_MS
  }

  onLink({ ends: [a, b], isUp, latencyMs }: LinkChange): void {
    if (!isUp) return this.#down(a, b)
    const ends = [this.#open(a, b, latencyMs), this.#open(b, a, latencyMs)] as const
    ends[0].other = ends[1]
    ends[1].other = ends[0]
    for (const { from, to, handle } of ends) this.#feed(from, { type: 'up', peer: handle, remote: this.#idOf(to) })
  }

  /** A new process has asked nothing, and was asked nothing. */
  restart(node: number): void {
    this.#machines[node] = this.#createMachine()
    this.questions.forget(node)
  }

  /** What is wrong in the end: answers that did not come, questions that are never forgotten. */
  conclude(): readonly string[] {
    const { network, cast } = this.#options
    const later = network.now + LONGEST_MS
    const unforgotten = cast.honest.filter((node) => {
      const machine = this.#machines[node]
      machine?.handle({ type: 'forget', id: new Uint8Array(ID_BYTES) }, later)
      return machine !== undefined && machine.size > 0
    })
    return [
      ...this.questions.conclude(),
      ...unforgotten.map((node) => `node ${node} remembers questions that are long over`),
    ]
  }

  #ask(node: number, number: number): void {
    const { scenario, random, network, cast } = this.#options
    const { hops = 1, waitMs = 1 } = scenario.queries ?? {}
    const id = random.bytes(ID_BYTES)
    const data = this.questions.ask(node, { id, hops, number, from: network.now, until: network.now + waitMs })
    const query = this.#protocol.signQuery({ id, type: 'test', data }, this.#signing(node))
    this.#feed(node, { type: 'ask', query, hops, ms: waitMs })
    const neighbours = [...(this.#endsOf[node]?.values() ?? [])].filter(({ to }) => cast.isHonest(to))
    if (neighbours.length === 0) return
    const end = pick(neighbours, random)
    this.#carry(end, encodeQueryFrame({ type: 'direct', number, data: this.questions.tell(node, end.to, number) }))
  }

  #feed(node: number, input: QueryInput): void {
    const { network } = this.#options
    for (const output of this.#machines[node]?.handle(input, network.now) ?? []) this.#obey(node, output)
  }

  #obey(node: number, output: QueryOutput): void {
    const { network } = this.#options
    switch (output.type) {
      case 'send':
        return this.#send(node, output.peer, output.frame)
      case 'query':
        return this.#onQuery(node, output)
      case 'answered':
        return this.questions.onAnswered(node, output, network.now)
      case 'direct':
        return this.#onDirect(node, output)
      case 'misbehaved': {
        const end = this.#ends.get(output.peer)
        if (!end) return
        this.questions.onMisbehaved(node, end.to, output.code)
        network.at(network.now, () => network.disconnect(end.from, end.to))
      }
    }
  }

  #onQuery(node: number, query: Given): void {
    const { scenario, network } = this.#options
    const { id, ms } = query
    this.questions.onGiven(node, query, network.now)
    const answers = this.#misspeaking[node]?.answers?.(query) ?? null
    if (answers) {
      const back = this.#endsOf[node]?.get(this.questions.nodeOf(query.via))
      for (const frame of answers) if (back) this.#carry(back, frame)
      return
    }
    const waitMs = scenario.queries?.waitMs ?? ms
    const afterMs = this.#late.has(node) ? waitMs + LATE_MS : ANSWER_MS
    network.at(network.now + afterMs, () => {
      if (!network.nodes[node]?.isAtWork) return
      const data = this.questions.answer(node, id)
      this.#feed(node, { type: 'answer', id, answer: this.#protocol.signAnswer({ id, data }, this.#signing(node)) })
    })
  }

  /** What a driver does: it hands the message to the room and says so. */
  #onDirect(node: number, { peer, frame }: Extract<QueryOutput, { type: 'direct' }>): void {
    const end = this.#ends.get(peer)
    if (!end) return
    if (frame.type === 'taken') return this.questions.onTaken(node, end.to, frame.number)
    if (frame.type !== 'direct') return
    this.questions.onTold(node, { by: end.to, number: frame.number, data: frame.data })
    this.#carry(end, encodeQueryFrame({ type: 'taken', number: frame.number }))
  }

  #send(node: number, peer: number, bytes: Uint8Array): void {
    const end = this.#ends.get(peer)
    if (!end?.isUp) return
    const frame = decodeQueryFrame(bytes)
    if (frame.type === 'answer') this.questions.onPassed(node, frame.answer)
    const said = this.#misspeaking[node]?.say?.(bytes) ?? [bytes]
    for (const one of said) this.#carry(end, one)
  }

  #carry(end: End, frame: Uint8Array): void {
    const { network } = this.#options
    const at = end.path.arrival(frame.byteLength, network.now)
    if (at === Number.POSITIVE_INFINITY) return
    network.at(at, () => {
      const { other } = end
      if (other?.isUp && network.nodes[other.from]?.isAtWork)
        this.#feed(other.from, { type: 'frame', peer: other.handle, frame })
    })
  }

  #open(from: number, to: number, latencyMs: number): End {
    const { scenario, random } = this.#options
    const { latencyMs: _, bytesPerMs, ...path } = scenario.path
    const faults = { ...path, ...(bytesPerMs !== null && { bytesPerMs }) }
    const end: End = {
      from,
      to,
      handle: this.#nextHandle++,
      path: new Path(latencyMs, random, faults),
      other: null,
      isUp: true,
    }
    this.#ends.set(end.handle, end)
    this.#endsOf[from]?.set(to, end)
    return end
  }

  #down(a: number, b: number): void {
    for (const end of [this.#endsOf[a]?.get(b), this.#endsOf[b]?.get(a)]) {
      if (!end) continue
      end.isUp = false
      this.#ends.delete(end.handle)
      this.#endsOf[end.from]?.delete(end.to)
      this.#feed(end.from, { type: 'down', peer: end.handle })
    }
  }

  #createMachine(): TalkMachine {
    const { topic, crypto } = this.#options
    return new this.#protocol.QueryMachine({ topic, crypto })
  }

  #idOf(node: number): Identity['id'] {
    return (this.#options.identities[node] as Identity).id
  }

  #signing(node: number) {
    const { topic, crypto, random, identities } = this.#options
    return { topic, crypto, random, author: identities[node] as Identity }
  }
}
