// The only place that writes to the terminal. Data goes to stdout, talk to stderr, and nothing that a remote sent reaches
// either of them raw.

import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { safeJson, safeText } from 'hearsay'
import type { CommandError } from './exit.js'

export interface OutputOptions {
  readonly stdout: Writable
  readonly stderr: Writable
  readonly json: boolean
  readonly quiet: boolean
}

export class Output {
  readonly json: boolean
  readonly #stdout: Writable
  readonly #stderr: Writable
  readonly #quiet: boolean
  readonly #closed = new AbortController()
  #draining: Promise<void> | null = null
  #failure: Error | null = null

  constructor({ stdout, stderr, json, quiet }: OutputOptions) {
    this.json = json
    this.#stdout = stdout
    this.#stderr = stderr
    this.#quiet = quiet
    // A reader that went away (`| head -1`) ends the command quietly; a broken stderr is nobody's business.
    stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') this.#failure ??= error
      this.#closed.abort()
    })
    stderr.on('error', () => {})
  }

  /** Fires when nobody reads stdout any more. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** Why stdout cannot be written, if it is for another reason than that its reader went away: a full disk, for instance. */
  get failure(): Error | null {
    return this.#failure
  }

  /** One object on one line, only with `--json`; resolves when the reader keeps up. */
  async object(value: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.json) await this.#line(safeJson(value))
  }

  /** One line of data, only without `--json`. */
  async line(text: string): Promise<void> {
    if (!this.json) await this.#line(safeText(text))
  }

  /** A word to the person at the terminal. */
  say(text: string): void {
    if (!this.#quiet && !this.json) this.#stderr.write(`${safeText(text)}\n`)
  }

  /** What must be heard whatever the options say: on stderr, as an object with `--json`. */
  async tell(value: Readonly<Record<string, unknown>>, text: string): Promise<void> {
    this.#stderr.write(`${this.json ? safeJson(value) : safeText(text)}\n`)
  }

  /** Bytes of a stream, as they are, but for a terminal harmless. */
  async bytes(chunk: Uint8Array): Promise<void> {
    if (this.#closed.signal.aborted) return
    const isTerminal = 'isTTY' in this.#stdout && this.#stdout.isTTY === true
    const shown = isTerminal ? Buffer.from(chunk).toString('utf8').split('\n').map(safeText).join('\n') : chunk
    if (!this.#stdout.write(shown)) await this.#drained()
  }

  /** Why the command fails, always told. */
  fail({ code, message, remedy }: CommandError): void {
    if (this.json) this.#stderr.write(`${safeJson({ type: 'error', code, message, remedy: remedy ?? null })}\n`)
    else this.#stderr.write(`hearsay: ${safeText(message)}${remedy ? `\n${safeText(remedy)}` : ''}\n`)
  }

  async #line(text: string): Promise<void> {
    if (this.#closed.signal.aborted || this.#stdout.write(`${text}\n`)) return
    await this.#drained()
  }

  /** One wait for all who write meanwhile. */
  #drained(): Promise<void> {
    this.#draining ??= once(this.#stdout, 'drain', { signal: this.#closed.signal }).then(
      () => this.#endDraining(),
      () => this.#endDraining(),
    )
    return this.#draining
  }

  #endDraining(): void {
    this.#draining = null
  }
}
