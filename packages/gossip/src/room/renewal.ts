// A new epoch for a room whose author turns out to sign elsewhere in the same one: from a copied key, or a machine that was
// brought back to what it was. Until it is here nothing is signed.

import type { EpochSource } from '@hearsay/core'
import { GossipError, toError } from '../errors.js'
import type { Publishing } from './publishing.js'

export interface RenewalParts {
  /** Null: there is no other epoch. */
  readonly source: EpochSource | null
  readonly publishing: Pick<Publishing, 'pause' | 'resume' | 'fail'>
  readonly begin: (epoch: number) => void
  readonly warn: (error: Error) => void
}

export class Renewal {
  readonly #parts: RenewalParts
  #isRunning = false

  constructor(parts: RenewalParts) {
    this.#parts = parts
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#parts.publishing.pause()
    this.#renew().catch((error: unknown) => this.#failed(error))
  }

  async #renew(): Promise<void> {
    const { source, publishing, begin } = this.#parts
    if (!source)
      throw new GossipError('ERR_FORKED', 'somebody else signs with this key in this epoch', { remedy: REMEDY })
    begin(await source.next())
    publishing.resume()
    this.#isRunning = false
  }

  /** It stays so: another try would find the same source. */
  #failed(error: unknown): void {
    this.#parts.publishing.fail(toError(error))
    this.#parts.warn(toError(error))
  }
}

const REMEDY =
  'Give createGossip a source of epochs, or begin again in a new one; use another key if a copy of this one is in use.'
