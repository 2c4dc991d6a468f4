// Makes a link ready within a time. It knows the clock and the hello; the link does the rest.

import type { Clock } from '../contracts/clock.js'
import { CoreError } from '../errors.js'
import { networkId } from './control.js'
import type { MuxLink } from './link.js'

export interface EstablishOptions {
  /** The network's name: the remote must have the same. */
  readonly network: string
  readonly clock: Clock
  /** Feature bits of our hello. @default 0 */
  readonly features?: number
  /** At most 1,024 bytes that the remote finds as `remoteExtra`. @default none */
  readonly extra?: Uint8Array
  /** Milliseconds in which the remote must have said hello. @default 3_000 */
  readonly timeoutMs?: number
}

export const ESTABLISH_TIMEOUT_MS = 3_000

/**
 * Says hello and resolves with the link when the remote has said it too. Add listeners for channels at once: none is lost
 * that comes after. Rejects with `ERR_HANDSHAKE` (other version, other network, refused) or `ERR_TIMEOUT`; the link has
 * ended then, and its 'close' event carries the remote's code.
 */
export async function establish(link: MuxLink, options: EstablishOptions): Promise<MuxLink> {
  const { network, clock, features = 0, extra, timeoutMs = ESTABLISH_TIMEOUT_MS } = options
  let late = false
  const timer = clock.setTimer(timeoutMs, () => {
    late = true
    void link.close({ code: 'ERR_TIMEOUT', message: 'no hello in time' })
  })
  try {
    await link.greet({ network: networkId(network), features, ...(extra && { extra }) })
    return link
  } catch (cause) {
    throw late ? new CoreError('ERR_TIMEOUT', 'the remote did not say hello in time', { cause }) : cause
  } finally {
    timer.cancel()
  }
}
