// What the tests of this package share: identities, pairs of sockets, and promises for events.

import { connect, createServer, type Socket } from 'node:net'
import { type ByteStream, createIdentity, type Identity, type Link, systemClock, systemRandom } from '@hearsay/core'
import type { SecureLinkOptions } from '../src/noise.js'

export const alice: Identity = createIdentity()
export const bob: Identity = createIdentity()
export const eve: Identity = createIdentity()

/** Options of alice, who dials, or of bob, who accepts. */
export function side(initiator: boolean, more: Partial<SecureLinkOptions> = {}): SecureLinkOptions {
  const identity = initiator ? alice : bob
  return { identity, initiator, clock: systemClock(), random: systemRandom(), network: 'test', ...more }
}

/** Two ends of a TCP connection over loopback; errors are handled, nothing is read. */
export async function socketPair(): Promise<readonly [Socket, Socket]> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const near = connect(port, '127.0.0.1')
  const far = await accepted
  server.close()
  for (const socket of [near, far]) socket.on('error', () => {})
  return [near, far]
}

/** The value, or why there is none. */
export const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

export const closed = (stream: ByteStream): Promise<void> => new Promise((resolve) => stream.on('close', resolve))

/** Sends and receives so many bytes (a multiple of 10,000) on a channel; true if all came as they were sent. */
export function exchange(link: Link, total: number): Promise<boolean> {
  const channel = link.openChannel({ protocol: 'bulk' })
  let sent = 0
  const send = (): void => {
    while (sent < total && channel.send(new Uint8Array(10_000).fill((sent / 10_000) % 251))) sent += 10_000
  }
  channel.on('open', send)
  channel.on('drain', send)
  return new Promise((resolve) => {
    let received = 0
    let intact = true
    channel.on('frame', (frame) => {
      intact &&= frame.every((byte) => byte === (received / 10_000) % 251)
      received += frame.byteLength
      if (received === total) resolve(intact)
    })
    channel.on('close', () => resolve(false))
  })
}
