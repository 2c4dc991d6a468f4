// A pool's options with everything filled in, in the parts that need them; and the application's callbacks, called so that
// what they throw is a warning and never more.

import {
  type Address,
  type Clock,
  type Crypto,
  DEFAULT_NETWORK,
  encodeAddressRecord,
  type PeerId,
  sodiumCrypto,
  systemClock,
  systemRandom,
  type Transport,
} from '@hearsay/core'
import { ownHosts } from '../interfaces.js'
import type { PeerToValidate, PoolOptions } from '../pool.js'
import type { Connection, ConnectionHost } from './connection.js'
import { isCredible, type Teller } from './hearsay.js'
import type { PoolMachineOptions } from './machine.js'
import { type PoolLimits, resolvePoolLimits } from './options.js'

export interface PoolHost {
  readonly clock: Clock
  readonly crypto: Crypto
  readonly limits: PoolLimits
  readonly transports: ReadonlyMap<string, Transport>
  readonly connection: Omit<ConnectionHost, 'input'>
  readonly machine: PoolMachineOptions
  readonly ownHosts: () => ReadonlySet<string>
  readonly validatePeer: PoolOptions['validatePeer']
  readonly report: (error: unknown) => void
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void
}

/** Throws `TypeError` for options out of bounds. */
export function resolvePool(options: PoolOptions, report: (error: unknown) => void): PoolHost {
  const { identity, clock = systemClock(), random = systemRandom(), crypto = sodiumCrypto() } = options
  const { network = DEFAULT_NETWORK, validatePeer, addressRecord, logger, queue } = options
  const limits = resolvePoolLimits(options.limits)
  const transports = new Map(options.transports.map((transport) => [transport.scheme, transport]))
  const guard = <Value>(run: () => Value, fallback: Value): Value => orReport(run, { fallback, report })
  const listOwn = listOwnHosts(options.ownHosts)
  const own = (): ReadonlySet<string> => guard(listOwn, new Set<string>())
  const extra = (): Uint8Array | null =>
    guard(() => {
      const record = addressRecord?.() ?? null
      return record && encodeAddressRecord(record)
    }, null)
  return {
    clock,
    crypto,
    limits,
    transports,
    connection: { identity, network, clock, random, crypto, limits, report, extra },
    machine: {
      self: identity.id,
      limits,
      random,
      canDial: (scheme) => transports.has(scheme),
      validates: validatePeer !== undefined,
      isCredible: (address, teller) => isCredible(address, lazily(teller, own)),
      ...(queue && { queue }),
    },
    ownHosts: own,
    validatePeer,
    report,
    log: (message, fields) =>
      guard(() => logger?.({ level: 'debug', scope: 'transport/pool', message, fields }), undefined),
  }
}

/** What the application says of the peer; a failure of its own is a no. */
export async function isWelcome(
  peer: PeerToValidate,
  { validatePeer, report }: Pick<PoolHost, 'validatePeer' | 'report'>,
): Promise<boolean> {
  try {
    return (await validatePeer?.(peer)) === true
  } catch (error) {
    report(error)
    return false
  }
}

export function describePeer(id: PeerId, connection: Connection | undefined): PeerToValidate {
  const address: Address | null = connection?.address ?? null
  return { id, address, direction: connection?.initiator ? 'outbound' : 'inbound' }
}

function listOwnHosts(given: PoolOptions['ownHosts']): () => ReadonlySet<string> {
  if (given === undefined) return ownHosts
  if (typeof given === 'function') return given
  const fixed = new Set(given)
  return () => fixed
}

/** To list the interfaces takes longer than all else that is asked of an address, and few are local. */
function lazily(teller: Teller, own: () => ReadonlySet<string>): Parameters<typeof isCredible>[1] {
  return {
    teller,
    get ownHosts() {
      return own()
    },
  }
}

function orReport<Value>(
  run: () => Value,
  { fallback, report }: { readonly fallback: Value; readonly report: (error: unknown) => void },
): Value {
  try {
    return run()
  } catch (error) {
    report(error)
    return fallback
  }
}
