// A node whose network goes away and comes back: it listens, or wants who listens there, and over every link it sends as
// much as the other side takes. Prints each link, its end, and each 100 kB that came, as JSON; ends at the word "end".
// usage: interface.child <ping interval in ms> [<address to dial>]

import { createInterface } from 'node:readline'
import { createIdentity, createTopic, type Link, parseAddress, printAddress } from '@hearsay/core'
import { createPool, tcp } from '@hearsay/transport'

const [interval, address] = process.argv.slice(2)
const say = (line: object): void => console.log(JSON.stringify(line))

const pool = createPool({
  identity: createIdentity(),
  transports: [tcp()],
  network: 'test',
  limits: { pingIntervalMs: Number(interval), persistMs: 300, dialTimeoutMs: 1_000 },
})
pool.on('unlink', () => say({ event: 'unlink' }))
pool.on('link', (link) => {
  say({ event: 'link' })
  stream(link)
})

function stream(link: Link): void {
  const channel = link.openChannel({ protocol: 'stream' })
  const fill = (): void => {
    while (channel.send(new Uint8Array(10_000)));
  }
  channel.on('open', fill)
  channel.on('drain', fill)
  let received = 0
  channel.on('frame', ({ byteLength }) => {
    received += byteLength
    // Told once: what matters is that bytes come.
    if (received >= 1_000_000 && received - byteLength < 1_000_000) say({ event: 'flows' })
  })
}

if (address === undefined) {
  const addresses = await pool.listen()
  say({ event: 'listening', addresses: addresses.map(printAddress) })
} else {
  const candidate = { peer: null, addresses: [parseAddress(address)], source: 'test', persistent: true }
  pool.want(candidate, { topic: createTopic('interface').id })
}

for await (const order of createInterface({ input: process.stdin })) if (order === 'end') break
await pool.close()
process.stdin.destroy()
