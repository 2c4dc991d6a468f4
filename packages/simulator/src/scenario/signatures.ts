// Signatures that honest nodes pass on, where others pass on such as only some libraries take: each is of the one strict form, or
// half of the room would take the record and the other half would not.

import { fromPeerId, isStrictSignature, type PeerId } from '@hearsay/core'
import type { Happening } from '../network.js'
import { type RecordContext, recordIn } from './sent-records.js'

export interface SignaturesContext extends RecordContext {
  readonly ids: readonly PeerId[]
  isHonest(node: number): boolean
  onViolation(violation: string): void
}

export class Signatures {
  readonly #context: SignaturesContext

  constructor(context: SignaturesContext) {
    this.#context = context
  }

  note(happening: Happening): void {
    if (happening.type !== 'sent' || !this.#context.isHonest(happening.node)) return
    const record = recordIn(happening.frame, this.#context)
    if (!record || isStrictSignature(record.signature, fromPeerId(record.header.author))) return
    const by = this.#context.ids.indexOf(record.header.author)
    this.#context.onViolation(
      `node ${happening.node} passed on a signature of node ${by} that only some libraries take`,
    )
  }
}
