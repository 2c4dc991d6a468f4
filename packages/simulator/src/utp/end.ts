// One end of a connection of uTP: an application that writes a pattern, checks what it reads, stops and goes away.

import type { ConnectionHandle, Remote, UtpFailure, UtpInput } from '@hearsay/transport/machine'

/** What the application asks of its host. */
export interface Applied {
  readonly isChecking: boolean
  readonly pieceBytes: number
  input(input: UtpInput): void
}

/** One end of a connection, and an application that checks every byte. */
export class UtpEnd {
  /** What happened, in order: `connected`, `end`, `finished`, `closed`. */
  readonly log: string[] = []
  /** Of one that was accepted. */
  remote: Remote | null = null
  /** Bytes. */
  received = 0
  sent = 0
  failure: UtpFailure | null = null
  isClosed = false
  /** Microseconds. */
  closedAt = 0
  /** The first byte that was not what it should be. */
  wrongAt: number | null = null
  /** False: nothing is read until `read`. */
  isReading = true
  /** True: says goodbye when the remote does. */
  endsWhenHeard = false
  #toSend = 0
  #endsAfter = false
  readonly host: Applied
  readonly handle: ConnectionHandle
  readonly isDialled: boolean

  constructor(host: Applied, handle: ConnectionHandle, isDialled: boolean) {
    this.host = host
    this.handle = handle
    this.isDialled = isDialled
  }

  /** Writes so many bytes of a pattern, a piece after the other, then says goodbye if it is to. */
  write(bytes: number, { end = true }: { readonly end?: boolean } = {}): void {
    this.#toSend += bytes
    this.#endsAfter = end
    this.#next()
  }

  read(): void {
    this.isReading = true
    this.input({ type: 'read', connection: this.handle, bytes: 65_536 })
  }

  input(input: UtpInput): void {
    if (!this.isClosed) this.host.input(input)
  }

  onData(bytes: Uint8Array): void {
    for (let index = 0; this.host.isChecking && index < bytes.length; index++) {
      if (bytes[index] !== patternAt(this.received + index, !this.isDialled)) this.wrongAt ??= this.received + index
    }
    this.received += bytes.length
    if (this.isReading) this.host.input({ type: 'read', connection: this.handle, bytes: 65_536 })
  }

  onEvent(type: 'connected' | 'end' | 'drained' | 'finished'): void {
    if (type === 'drained') this.#next()
    else this.log.push(type)
    if (type === 'end' && this.endsWhenHeard) this.host.input({ type: 'end', connection: this.handle })
  }

  onClosed(failure: UtpFailure | null, now: number): void {
    this.log.push('closed')
    this.failure = failure
    this.isClosed = true
    this.closedAt = now
  }

  #next(): void {
    const count = Math.min(this.#toSend, this.host.pieceBytes)
    if (count === 0) {
      if (this.#endsAfter) this.host.input({ type: 'end', connection: this.handle })
      this.#endsAfter = false
      return
    }
    const from = this.sent
    this.#toSend -= count
    this.sent += count
    const bytes = new Uint8Array(count)
    for (let index = 0; this.host.isChecking && index < count; index++) {
      bytes[index] = patternAt(from + index, this.isDialled)
    }
    this.host.input({ type: 'write', connection: this.handle, bytes })
  }
}

function patternAt(index: number, isDialled: boolean): number {
  return (index * 31 + (index >> 8) * 7 + (index >> 16) * 3 + (isDialled ? 0 : 101)) & 0xff
}
