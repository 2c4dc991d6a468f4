// What is checked of a record before it is believed, cheapest first: its shape, whether it can be news, its signature, its
// contents, its place. Engines share it, so that no engine can be laxer than another.

import {
  blockOf,
  type Crypto,
  decodeRecord,
  decodeRecordHead,
  hasCode,
  KIND_CAUSED,
  MAX_BATCH_BYTES,
  MAX_CAUSE_BYTES,
  MAX_CAUSES,
  type RecordContents,
  type RecordHead,
  recordContents,
  SEAL_BYTES,
  type SignedRecord,
  sameBytes,
  verifyRecord,
} from '@hearsay/core'
import type { MachineContext } from '../engine.js'
import type { GossipErrorCode } from '../errors.js'
import { WHOLE_BYTES } from '../large/large-block.js'
import type { Ordering } from '../order/ordering.js'
import type { ArrivalLog } from './arrivals.js'
import type { Checks } from './checks.js'

/** The most that a message's length takes before it. */
const LENGTH_BYTES = 9

/** Why a remote's link ends. */
export interface Fault {
  readonly code: GossipErrorCode
  readonly message: string
  readonly ban: boolean
}

/** Of a whole record, or of its head. */
export type Finding<Record extends RecordHead = RecordHead> =
  | { readonly is: 'new'; readonly record: Record }
  /** Held at this position of the log, or held once: nothing to do. */
  | { readonly is: 'known'; readonly record: Record; readonly position: number | null }
  /** Valid, but not of one sequence with what we hold. */
  | { readonly is: 'fork'; readonly record: Record; readonly held: RecordHead }
  /** Of an author that is no member: not even verified. */
  | { readonly is: 'foreign'; readonly record: Record }
  /** Its neighbour had too much checked in vain: this was not even verified. */
  | { readonly is: 'unseen'; readonly record: Record }
  /** Valid, of an author or epoch beyond what is tracked. */
  | { readonly is: 'refused'; readonly record: Record }
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

  /** Judges an encoded record; never throws. */
  judge(bytes: Uint8Array, checks: Checks): Finding<SignedRecord> & { readonly contents?: RecordContents } {
    const { topic, crypto } = this.#context
    const record = attempt(() => decodeRecord(bytes, topic, crypto))
    if ('fault' in record) return { is: 'faulty', fault: record.fault }
    const verdict = this.#known(record.value) ?? this.#verified(record.value, checks)
    if (verdict) return verdict
    const contents = attempt(() => this.contents(record.value))
    if ('fault' in contents) return { is: 'faulty', fault: contents.fault }
    const place = this.#placeOfVerified(record.value, checks)
    return place.is === 'new' ? { is: 'new', record: record.value, contents: contents.value } : place
  }

  /** Judges once more where a record stands that was new when it came. */
  judgeAgain(record: SignedRecord): Finding<SignedRecord> {
    return this.#known(record) ?? this.#place(record)
  }

  /** Judges the encoded head of a large record; never throws. */
  judgeHead(bytes: Uint8Array, checks: Checks): Finding {
    const { topic, crypto } = this.#context
    const head = attempt(() => this.#sized(decodeRecordHead(bytes, topic, crypto)))
    if ('fault' in head) return { is: 'faulty', fault: head.fault }
    const record = head.value
    return this.#known(record) ?? this.#verified(record, checks) ?? this.#placeOfVerified(record, checks)
  }

  /** The messages of a record whose signature is good; throws for what no record may hold. */
  contents(record: SignedRecord): RecordContents {
    const { topic, crypto, limits } = this.#context
    const contents = recordContents(record, topic, crypto)
    const tooLarge = contents.messages.find((message) => message.byteLength > limits.maxMessageBytes)
    if (tooLarge) throw new RangeError(`a message of ${tooLarge.byteLength} bytes`)
    return contents
  }

  #sized(head: RecordHead): RecordHead {
    const { bytes } = blockOf(head)
    if (bytes <= WHOLE_BYTES) throw new RangeError(`a head of a block of ${bytes} bytes`)
    const payloads = Math.max(this.#context.limits.maxMessageBytes, MAX_BATCH_BYTES)
    const causes = head.header.kind === KIND_CAUSED ? 1 + MAX_CAUSES * MAX_CAUSE_BYTES : 0
    const rest = LENGTH_BYTES * head.header.count + causes + SEAL_BYTES
    if (bytes > payloads + rest) throw new RangeError(`a block of ${bytes} bytes`)
    return head
  }

  #known<Record extends RecordHead>(record: Record): Finding<Record> | null {
    const { author, epoch, firstSeq } = record.header
    if (!this.#ordering.isMember(author)) return { is: 'foreign', record }
    const position = this.#log.positionOf({ author, epoch }, firstSeq) ?? null
    const held = position === null ? undefined : this.#log.at(position)?.record
    if (held && isSame(held, record)) return { is: 'known', record, position }
    const isOver = this.#ordering.isFrozen(record.header) || (!held && this.#isOldNews(record))
    return isOver ? { is: 'known', record, position: null } : null
  }

  /** Its place is taken by what the log let go, and nothing that is remembered says otherwise: whoever signed it, it is not new. */
  #isOldNews(record: RecordHead): boolean {
    const { author, epoch, firstSeq, count } = record.header
    const isKnown = this.#ordering.isKnown(author, epoch, [firstSeq, firstSeq + count])
    return isKnown && !this.#log.conflict(record, isKnown)
  }

  #verified<Record extends RecordHead>(record: Record, checks: Checks): Finding<Record> | null {
    if (checks.areSpent) return { is: 'unseen', record }
    const fault = signatureFault(record, this.#context.crypto)
    return fault && { is: 'faulty', fault }
  }

  #placeOfVerified<Record extends RecordHead>(record: Record, checks: Checks): Finding<Record> {
    const place = this.#place(record)
    if (place.is !== 'new') checks.spend()
    return place
  }

  #place<Record extends RecordHead>(record: Record): Finding<Record> {
    const { author, epoch, firstSeq, count } = record.header
    const isKnown = this.#ordering.isKnown(author, epoch, [firstSeq, firstSeq + count])
    const held = this.#log.conflict(record, isKnown)
    if (held) return { is: 'fork', record, held }
    if (isKnown) return { is: 'known', record, position: null }
    return this.#ordering.admits(author, epoch) ? { is: 'new', record } : { is: 'refused', record }
  }
}

/** Honest peers verify before they forward, so a forgery is the sender's; what strictness alone refuses need not be. */
export function signatureFault(head: RecordHead, crypto: Crypto): Fault | null {
  const verdict = verifyRecord(head, crypto)
  if (verdict === 'valid') return null
  return { code: 'ERR_RECORD_FORGED', message: 'a record that its author did not sign', ban: verdict === 'invalid' }
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
function isSame(a: RecordHead, b: RecordHead): boolean {
  return sameBytes(a.id, b.id) && sameBytes(a.signature, b.signature)
}
