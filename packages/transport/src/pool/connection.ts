// One stream on its way to being a link, as the machine orders: opened, authenticated, greeted, ended. It tells the machine
// what happens and never decides.

import type { Address, ByteStream, Clock, CloseReason, Crypto, Identity, PeerId, Random } from '@hearsay/core'
import { hasCode } from '@hearsay/core'
import { establish, type MuxLink } from '@hearsay/core/mux'
import { linkOver, type SecureStream, secureStream } from '../noise.js'
import { type AuthenticatedStream, fromAuthenticated } from './authenticated.js'
import { decodeRecord, decodeTries } from './busy.js'
import type { ConnectionId, PoolInput } from './messages.js'
import type { PoolLimits } from './options.js'

/** What every connection of a pool shares. */
export interface ConnectionHost {
  readonly identity: Identity
  readonly network: string
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly limits: PoolLimits
  /** What our hello tells the remote of ourselves; null for nothing. */
  readonly extra: () => Uint8Array | null
  /** Where errors of listeners go. */
  readonly report: (error: unknown) => void
  readonly input: (input: PoolInput) => void
}

export interface ConnectionOptions {
  readonly id: ConnectionId
  readonly initiator: boolean
  readonly address: Address | null
  /** Who must be there. */
  readonly expected: PeerId | null
  /** The stream comes authenticated by its transport. */
  readonly authenticated: boolean
  /** Opens the stream; must reject or destroy it when the signal fires. */
  readonly open: (signal: AbortSignal) => Promise<ByteStream>
}

/** Codes that a remote may refuse with and that mean the same here; any other is a failed handshake. */
const REFUSALS: ReadonlySet<string> = new Set([
  'ERR_DUPLICATE',
  'ERR_BANNED',
  'ERR_REFUSED',
  'ERR_LIMIT',
  'ERR_SELF',
  'ERR_SUSPENDED',
  'ERR_CLOSED',
])

export class Connection {
  readonly #host: ConnectionHost
  readonly #options: ConnectionOptions
  readonly #abort = new AbortController()
  #raw: ByteStream | null = null
  #link: MuxLink | null = null
  #ready = false
  /** The machine hears nothing more of it. */
  #over = false

  constructor(host: ConnectionHost, options: ConnectionOptions) {
    this.#host = host
    this.#options = options
    void this.#run()
  }

  /** What was dialled, or where it came from; null for a stream that was handed in. */
  get address(): Address | null {
    return this.#options.address
  }

  get initiator(): boolean {
    return this.#options.initiator
  }

  get link(): MuxLink | null {
    return this.#link
  }

  greet(): void {
    const { network, clock, limits } = this.#host
    if (!this.#link) return
    // A failure shows as the link's end.
    const extra = this.#host.extra()
    establish(this.#link, { network, clock, timeoutMs: limits.handshakeTimeoutMs, ...(extra && { extra }) }).then(
      () => this.#onReady(),
      () => {},
    )
  }

  ping(timeoutMs: number): void {
    const { id: connection } = this.#options
    const tell = (alive: boolean): void => this.#tell({ type: 'pong', connection, alive })
    this.#link?.ping(timeoutMs).then(
      () => tell(true),
      () => tell(false),
    )
  }

  /** Says goodbye with the code, if there is somebody to say it to; resolves when the stream is gone. */
  close({ code, message, extra }: Omit<CloseReason, 'by'>): Promise<void> {
    this.#over = true
    if (this.#link) return this.#link.close({ code, ...(message && { message }), ...(extra && { extra }) })
    this.drop()
    return Promise.resolve()
  }

  /** Destroys the stream without a word. */
  drop(): void {
    this.#over = true
    this.#abort.abort()
    this.#raw?.destroy()
  }

  async #run(): Promise<void> {
    try {
      const raw = await this.#options.open(this.#abort.signal)
      this.#raw = raw
      if (this.#over) return void raw.destroy()
      this.#onSecure(await this.#secure(raw))
    } catch (error) {
      const known = hasCode(error, 'ERR_PEER_MISMATCH', 'ERR_SELF', 'ERR_HANDSHAKE', 'ERR_HANDSHAKE_TIMEOUT')
      this.#fail(known ? error.code : 'ERR_DIAL', { detail: innermostCode(error) })
    }
  }

  #secure(raw: ByteStream): Promise<SecureStream> | SecureStream {
    const { limits, ...common } = this.#host
    const { initiator, expected, authenticated } = this.#options
    if (authenticated) return fromAuthenticated(raw as AuthenticatedStream, { self: common.identity.id, expected })
    return secureStream(raw, { ...common, initiator, expected, timeoutMs: limits.handshakeTimeoutMs })
  }

  #onSecure(secure: SecureStream): void {
    if (this.#over) return void secure.stream.destroy()
    const { clock, report, limits } = this.#host
    const { id: connection, initiator, address } = this.#options
    const { pingIntervalMs } = limits
    this.#link = linkOver(secure, { initiator, clock, address, report, limits: { pingIntervalMs } })
    this.#link.on('close', (reason) => this.#onEnd(reason))
    this.#tell({ type: 'authenticated', connection, peer: secure.remote })
  }

  #onReady(): void {
    if (this.#over) return
    this.#ready = true
    const { id: connection } = this.#options
    const link = this.#link
    const record = link && decodeRecord(link.remoteExtra, link.remote, this.#host.crypto)
    this.#tell({ type: 'ready', connection, record, from: this.#options.address })
  }

  #onEnd(reason: CloseReason): void {
    if (this.#ready) this.#tell({ type: 'ended', connection: this.#options.id, reason })
    else if (reason.by === 'local') this.#fail('ERR_HANDSHAKE_TIMEOUT')
    else if (reason.by === 'remote' && REFUSALS.has(reason.code)) this.#fail(reason.code, { extra: reason.extra })
    else this.#fail('ERR_HANDSHAKE')
    this.#over = true
  }

  #fail(code: string, { detail = null, extra }: { detail?: string | null; extra?: Uint8Array | undefined } = {}): void {
    const tries = code === 'ERR_LIMIT' && extra ? { tries: decodeTries(extra, this.#host.crypto) } : {}
    this.#tell({ type: 'failed', connection: this.#options.id, code, detail, ...tries })
    this.#over = true
  }

  #tell(input: PoolInput): void {
    if (!this.#over) this.#host.input(input)
  }
}

/** The code that the system or a library gave, at the bottom of the causes; null if there is none. */
function innermostCode(error: unknown): string | null {
  let found: string | null = null
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string') found = at.code
  }
  return found
}
