// Keeps a book on disk: what changed is written together, a second later, one write at a time. A database that fails is given
// up with one warning, and the book goes on in memory.

import type { Clock, Logger, Timer } from '@hearsay/core'
import type { BookDatabase } from './contract.js'

export interface StorageOptions {
  readonly database: BookDatabase
  readonly clock: Clock
  readonly logger: Logger | undefined
  /** What is to stand under the name; null for nothing. Asked when it is written. */
  readonly read: (name: string) => string | null
}

const PREFIX = 'hearsay/book/1/'
/** The next text after all that begin with the prefix. */
const END = 'hearsay/book/10'
const WRITE_AFTER_MS = 1_000
const TEXT = { keyEncoding: 'utf8', valueEncoding: 'utf8' } as const

export class Storage {
  readonly #options: StorageOptions
  /** Names that are on disk, so that what comes and goes between two writes costs nothing. */
  readonly #stored = new Set<string>()
  readonly #changed = new Set<string>()
  #timer: Timer | null = null
  #writing: Promise<void> | null = null
  #failed = false

  constructor(options: StorageOptions) {
    this.#options = options
  }

  /** Reads every row; those that `take` throws at are deleted, with one warning. Never rejects. */
  async load(take: (name: string, row: string) => void): Promise<void> {
    let damaged = 0
    try {
      for await (const [key, row] of this.#options.database.iterator({ gte: PREFIX, lt: END, ...TEXT })) {
        const name = key.substring(PREFIX.length)
        this.#stored.add(name)
        if (!attempt(() => take(name, row))) {
          damaged += 1
          this.touch(name)
        }
      }
    } catch (error) {
      this.#giveUp('the address book cannot be read', error)
    }
    if (damaged > 0) this.#warn('rows of the address book were damaged and are deleted', { rows: damaged })
  }

  /** The name has changed. */
  touch(name: string): void {
    if (this.#failed) return
    this.#changed.add(name)
    this.#timer ??= this.#options.clock.setTimer(WRITE_AFTER_MS, () => {
      this.#timer = null
      void this.flush()
    })
  }

  /** Resolves when what changed is written, or cannot be. */
  async flush(): Promise<void> {
    await this.#writing
    if (this.#failed || this.#changed.size === 0) return
    this.#writing ??= this.#write()
    await this.#writing
    return this.flush()
  }

  async close(): Promise<void> {
    await this.flush()
    this.#timer?.cancel()
    this.#timer = null
  }

  async #write(): Promise<void> {
    const names = [...this.#changed]
    this.#changed.clear()
    const operations = names.flatMap((name) => this.#operation(name))
    try {
      if (operations.length > 0) await this.#options.database.batch(operations, TEXT)
    } catch (error) {
      this.#giveUp('the address book cannot be written', error)
    } finally {
      this.#writing = null
    }
  }

  #operation(name: string): Parameters<BookDatabase['batch']>[0] {
    const key = PREFIX + name
    const value = this.#options.read(name)
    if (value !== null) {
      this.#stored.add(name)
      return [{ type: 'put', key, value }]
    }
    return this.#stored.delete(name) ? [{ type: 'del', key }] : []
  }

  #giveUp(message: string, error: unknown): void {
    this.#failed = true
    this.#changed.clear()
    this.#timer?.cancel()
    this.#timer = null
    this.#warn(`${message}; from now on it is kept in memory`, { error })
  }

  #warn(message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.logger?.({ level: 'warn', scope: 'discovery/book', message, fields })
  }
}

function attempt(run: () => void): boolean {
  try {
    run()
    return true
  } catch {
    return false
  }
}
