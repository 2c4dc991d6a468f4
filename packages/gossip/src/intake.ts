// What is checked of a record before it is believed, cheapest first: its shape, whether we have it, its signature, its
// contents, its place. Engines share it, so that no engine can be laxer than another.

import {
  decodeRecord,
  hasCode,
  type RecordContents,
  recordContents,
  type SignedRecord,
  verifyRecord,
} from '@hearsay/core'
import type { ArrivalLog } from './arrivals.js'
import type { MachineContext } from './engine.js'
import type { GossipErrorCode } from './errors.js'
import type { Ordering } from './ordering.js'

/** Why a remote's link ends. */
export interface Fault {
  readonly code: GossipErrorCode
  readonly message: string
  readonly ban: boolean
}

export type Finding =
  | ({ readonly is: 'new'; readonly record: SignedRecord } & RecordContents)
  /** Held at this position of the log, or held once: nothing to do. */
  | { readonly is: 'known'; readonly record: SignedRecord; readonly position: number | null }
  /** Valid, but not of one sequence with what we hold. */
  | { readonly is: 'fork'; readonly record: SignedRecord; readonly held: SignedRecord }
  /** Of an author that is no member: not even verified. */
  | { readonly is: 'foreign'; readonly record: SignedRecord }
  /** Valid, of an author or epoch beyond what is tracked. */
  | { readonly is: 'refused'; readonly record: SignedRecord }
  | { readonly is: 'faulty'; readonly fault: Fault }

export class Intake {
  readonly #context: MachineContext
  readonly #log: ArrivalLog
  readonly #ordering: Ordering

  constructor(context: MachineContext, log: ArrivalLog, ordering: Ordering) {
    this.#context = context
    this.#log = log
    this.#ordering = ordering
  }

  /** Judges the encoded record; never throws. */
  judge(bytes: Uint8Array): Finding {
    const { topic, crypto } = this.#context
    const record = attempt(() => decodeRecord(bytes, topic, crypto))
    if ('fault' in record) return { is: 'faulty', fault: record.fault }
    const { author, epoch, firstSeq } = record.value.header
    if (!this.#ordering.isMember(author)) return { is: 'foreign', record: record.value }
    const position = this.#log.positionOf({ author, epoch }, firstSeq) ?? null
    const held = position === null ? undefined : this.#log.at(position)?.record
    if (held && isSame(held, record.value)) return { is: 'known', record: held, position }
    if (this.#ordering.isFrozen(record.value.header)) return { is: 'known', record: record.value, position: null }
    const forged = this.#checkSignature(record.value)
    if (forged) return { is: 'faulty', fault: forged }
    const contents = attempt(() => this.#contents(record.value))
    if ('fault' in contents) return { is: 'faulty', fault: contents.fault }
    return this.#place(record.value, contents.value)
  }

  #place(record: SignedRecord, contents: RecordContents): Finding {
    const { author, epoch, firstSeq, count } = record.header
    const isKnown = this.#ordering.isKnown(author, epoch, [firstSeq, firstSeq + count])
    const held = this.#log.conflict(record, isKnown)
    if (held) return { is: 'fork', record, held }
    if (isKnown) return { is: 'known', record, position: null }
    return this.#ordering.admits(author, epoch) ? { is: 'new', record, ...contents } : { is: 'refused', record }
  }

  /** Honest peers verify before they forward, so a forgery is the sender's; what strictness alone refuses need not be. */
  #checkSignature(record: SignedRecord): Fault | null {
    const verdict = verifyRecord(record, this.#context.crypto)
    if (verdict === 'valid') return null
    return { code: 'ERR_RECORD_FORGED', message: 'a record that its author did not sign', ban: verdict === 'invalid' }
  }

  #contents(record: SignedRecord): RecordContents {
    const { topic, crypto, limits } = this.#context
    const contents = recordContents(record, topic, crypto)
    const tooLarge = contents.messages.find((message) => message.byteLength > limits.maxMessageBytes)
    if (tooLarge) throw new RangeError(`a message of ${tooLarge.byteLength} bytes`)
    return contents
  }
}

/** What `read` answers, or the fault that its exception tells of. */
export function attempt<Value>(read: () => Value): { readonly value: Value } | { readonly fault: Fault } {
  try {
    return { value: read() }
  } catch (error) {
    const code = hasCode(error, 'ERR_FRAME') ? 'ERR_FRAME' : 'ERR_RECORD'
    return { fault: { code, message: error instanceof Error ? error.message : String(error), ban: false } }
  }
}

/** The same bytes throughout, the signature included: only then is a second look at the signature needless. */
function isSame(a: SignedRecord, b: SignedRecord): boolean {
  return sameBytes(a.id, b.id) && sameBytes(a.signature, b.signature)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index])
}
