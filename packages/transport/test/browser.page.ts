// What a page does with the WebSocket transport: dials a node, proves who it is, and sends and takes a megabyte over one
// channel of the link. Whoever loads it says where to, and is told how it went.

import { createIdentity, parseAddress } from '@hearsay/core'
import { secureLink } from '@hearsay/transport/noise'
import { websocket } from '@hearsay/transport/ws'

interface Host {
  readonly address: string
  readonly report: (result: object) => unknown
}

const TOTAL = 1_000_000

async function visit(address: string): Promise<object> {
  const identity = createIdentity()
  const transport = websocket()
  const stream = await transport.dial(parseAddress(address))
  const link = await secureLink(stream, { identity, initiator: true, network: 'test' })
  const channel = link.openChannel({ protocol: 'bulk' })
  let [sent, received, intact] = [0, 0, true]
  const send = (): void => {
    while (sent < TOTAL && channel.send(new Uint8Array(10_000).fill((sent / 10_000) % 251))) sent += 10_000
  }
  channel.on('open', send)
  channel.on('drain', send)
  await new Promise<void>((resolve) => {
    channel.on('frame', (frame) => {
      intact &&= frame.every((byte) => byte === (received / 10_000) % 251)
      received += frame.byteLength
      if (received === TOTAL) resolve()
    })
  })
  // What we sent last must have come before we leave.
  await link.ping(10_000)
  await link.close()
  await transport.close()
  return { id: identity.id, remote: link.remote, received, intact, listens: transport.capabilities.listen }
}

const { page } = globalThis as unknown as { readonly page: Host }
visit(page.address).then(
  (result) => page.report(result),
  (error: Error) => page.report({ error: `${error.message} ${error.stack}` }),
)
