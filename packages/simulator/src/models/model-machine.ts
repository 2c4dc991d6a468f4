// What the models of other protocols share: signing, checking, remembering, ordering what comes by author (neither protocol
// orders, and a run checks order), and lists of neighbours. How a record goes on is each model's.

import {
  createRecord,
  decodeRecord,
  encodeRecord,
  hasCode,
  PREV_BYTES,
  recordMessages,
  type SignedRecord,
  verifyRecord,
} from '@hearsay/core'
import type { Input, Machine, MachineContext, Output, PeerHandle } from '@hearsay/gossip/machine'
import { bodyOf, decodeModelFrame, encodeModelFrame, keyOf, type ModelFrame, type ModelKind } from './model-frames.js'

/** One message that a node has. */
export interface Known {
  readonly key: string
  readonly seq: number
  readonly bytes: Uint8Array
  /** Links it had crossed when it came. */
  readonly hops: number
  readonly at: number
}

/** How long messages are kept for who asks (gossipsub keeps five heartbeats; a little more does no harm). */
const KEPT_MS = 120_000

export abstract class ModelMachine implements Machine {
  protected readonly peers: Set<PeerHandle> = new Set()
  protected readonly known: Map<string, Known> = new Map()
  readonly #context: MachineContext
  readonly #remotes = new Map<PeerHandle, Parameters<Machine['handle']>[0] & { readonly type: 'peer-up' }>()
  /** What came before what is due, by author and epoch. */
  readonly #waiting = new Map<string, Map<number, () => void>>()
  readonly #next = new Map<string, number>()
  #seq = 0
  #prev: Uint8Array = new Uint8Array(PREV_BYTES)
  #outputs: Output[] = []

  constructor(context: MachineContext) {
    this.#context = context
  }

  /** A new message is here; `from` is null for own ones. */
  protected abstract onNew(message: Known, from: PeerHandle | null, now: number): void
  protected abstract onDuplicate(message: Known, from: PeerHandle, now: number): void
  protected abstract onFrame(frame: ModelFrame, from: PeerHandle, now: number): void
  protected abstract onUp(peer: PeerHandle, now: number): void
  protected abstract onDown(peer: PeerHandle, now: number): void
  protected abstract onTime(now: number): void
  /** When `onTime` is next needed; null for never. */
  protected abstract get deadline(): number | null

  handle(input: Input, now: number): readonly Output[] {
    this.#outputs = []
    this.#dispatch(input, now)
    if (this.deadline !== null && this.deadline <= now) this.onTime(now)
    this.#outputs.push({ type: 'wake', at: this.deadline })
    return this.#outputs
  }

  protected send(peer: PeerHandle, kind: ModelKind, what: { keys?: readonly string[]; message?: Known } = {}): void {
    const { keys = [], message } = what
    const body = message?.bytes ?? bodyOf(keys)
    const frame = encodeModelFrame({ kind, hops: message?.hops ?? 0, seq: message?.seq ?? 0, body })
    this.#outputs.push({ type: 'send', peer, frame })
  }

  #dispatch(input: Input, now: number): void {
    switch (input.type) {
      case 'peer-up':
        this.peers.add(input.peer)
        this.#remotes.set(input.peer, input)
        return this.onUp(input.peer, now)
      case 'peer-down':
        this.peers.delete(input.peer)
        this.#remotes.delete(input.peer)
        return this.onDown(input.peer, now)
      case 'publish':
        for (const payload of input.payloads) this.#publish(payload, input.wall, now)
        return
      case 'frame': {
        const frame = decodeModelFrame(input.frame)
        if (frame?.kind === 'record') return this.#onRecord(frame, input.peer, now)
        if (frame) this.onFrame(frame, input.peer, now)
        return
      }
    }
  }

  #publish(payload: Uint8Array, wall: number, now: number): void {
    const { topic, author, epoch, crypto } = this.#context
    const draft = { epoch, firstSeq: this.#seq, time: wall, prev: this.#prev, messages: [payload] }
    const record = createRecord(draft, topic, author, crypto)
    this.#prev = record.id.subarray(0, PREV_BYTES)
    this.#outputs.push({ type: 'published', from: this.#seq, to: this.#seq + 1, payloads: [payload] })
    this.#seq++
    this.#accept(record, { from: null, hops: 0, now })
  }

  #onRecord({ hops, body }: ModelFrame, from: PeerHandle, now: number): void {
    const { topic, crypto } = this.#context
    const record = readRecord(body, this.#context)
    if (record === null) return
    const held = this.known.get(keyOf(record.id))
    if (held) return this.onDuplicate(held, from, now)
    if (verifyRecord(record, crypto) !== 'valid') return
    const { author, epoch, firstSeq: seq, time } = record.header
    const [payload] = recordMessages(record, topic, crypto)
    if (!payload) return
    const via = this.#remotes.get(from)?.remote ?? null
    const delivery = { author, epoch, seq, time, hops: hops + 1, via, payload }
    this.#inOrder(`${author} ${epoch}`, seq, () => this.#outputs.push({ type: 'deliver', delivery }))
    this.#accept(record, { from, hops: hops + 1, now })
  }

  #accept(record: SignedRecord, { from, hops, now }: { from: PeerHandle | null; hops: number; now: number }): void {
    const key = keyOf(record.id)
    const message = { key, seq: record.header.firstSeq, bytes: encodeRecord(record), hops, at: now }
    this.known.set(key, message)
    for (const old of this.known.values()) {
      if (old.at > now - KEPT_MS) break
      this.known.delete(old.key)
    }
    this.onNew(message, from, now)
  }

  #inOrder(source: string, seq: number, deliver: () => void): void {
    const waiting = this.#waiting.get(source) ?? new Map<number, () => void>()
    this.#waiting.set(source, waiting.set(seq, deliver))
    let next = this.#next.get(source) ?? 0
    for (let due = waiting.get(next); due; due = waiting.get(next)) {
      waiting.delete(next++)
      due()
    }
    this.#next.set(source, next)
  }
}

function readRecord(bytes: Uint8Array, { topic, crypto }: MachineContext): SignedRecord | null {
  try {
    return decodeRecord(bytes, topic, crypto)
  } catch (error) {
    if (hasCode(error, 'ERR_RECORD')) return null
    throw error
  }
}
