// Binds a server to an address of this machine, or says with one code why that cannot be. What comes in is not its affair.

import type { Server } from 'node:net'
import { hasCode, type ListenOptions } from '@hearsay/core'
import { TransportError } from './errors.js'

/** Where a server listens; the host is a wildcard if none was asked for. */
export interface Bound {
  readonly host: string
  readonly port: number
}

/** All interfaces of both families if no host is given; IPv4 alone where the machine has no IPv6. Rejects with `ERR_LISTEN`. */
export async function bindServer(
  server: Server,
  { host, port = 0, backlog }: ListenOptions & { readonly backlog: number },
): Promise<Bound> {
  try {
    return await bind(server, { host: host ?? '::', port, backlog })
  } catch (error) {
    if (host !== undefined || !hasCode(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL')) throw cannotListen(error)
  }
  try {
    return await bind(server, { host: '0.0.0.0', port, backlog })
  } catch (error) {
    throw cannotListen(error)
  }
}

/** `ERR_LISTEN`, with what the system or a library said. */
export function cannotListen(cause: unknown): TransportError {
  return new TransportError('ERR_LISTEN', `cannot listen: ${cause instanceof Error ? cause.message : cause}`, {
    cause,
    remedy: 'Choose another port, or 0 to let the system choose.',
  })
}

function bind(server: Server, where: Bound & { readonly backlog: number }): Promise<Bound> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...where, ipv6Only: false }, () => {
      server.removeListener('error', reject)
      // Later ones would be about single connections that could not be accepted. Node 20 to 26 emit none, not even without
      // descriptors (descriptors.ts); if one ever comes, the listener lives on.
      server.on('error', () => {})
      const bound = server.address()
      resolve({ host: where.host, port: typeof bound === 'object' && bound ? bound.port : where.port })
    })
  })
}
