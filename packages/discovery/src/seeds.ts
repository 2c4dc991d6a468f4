// Addresses given by hand: candidates for every topic, never forgotten. Announces nothing and asks nobody.

import { type Address, type Discovery, type DiscoverySession, parseAddress } from '@hearsay/core'
import { closedError } from './errors.js'
import { createSession, type SessionControl } from './session.js'

const NAME = 'seeds'

/**
 * A discovery whose candidates are `addresses`, one candidate each, again at every `refresh`. Text that is not an
 * address throws `ERR_ADDRESS` here.
 *
 * @example seeds(['tcp://192.0.2.1:4000'])
 */
export function seeds(addresses: readonly (string | Address)[]): Discovery {
  const known = addresses.map((address) => (typeof address === 'string' ? parseAddress(address) : address))
  const sessions = new Set<SessionControl>()
  let closed = false

  function offerAll(control: SessionControl): void {
    for (const address of known) {
      control.offer({ peer: address.peer, addresses: [address], source: NAME, persistent: true })
    }
  }

  function join(lookup: boolean): DiscoverySession {
    if (closed) throw closedError(NAME)
    const control: SessionControl = createSession({
      refresh: () => lookup && offerAll(control),
      leave: async () => void sessions.delete(control),
    })
    sessions.add(control)
    if (lookup) offerAll(control)
    control.flush()
    return control.session
  }

  return {
    name: NAME,
    capabilities: { identifies: false, local: true },
    join: (_topic, { lookup }) => join(lookup),
    async close() {
      closed = true
      await Promise.all([...sessions].map((control) => control.session.leave()))
    },
  }
}
