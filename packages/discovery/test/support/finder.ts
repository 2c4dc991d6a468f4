// A process that looks for others of a topic and says what it finds, a line each, until its standard input ends; then it
// leaves, closes, and has to end by itself. As `server` it runs a bootstrap server instead.
//
// finder <mdns|hyperdht|both|server> <host or -> [<udp port> <topic> <tcp port> [bootstrap]]

import { createTopic, type Discovery, printAddress } from '@hearsay/core'
import { composeDiscoveries, createBootstrapServer, hyperdht, mdns } from '../../src/index.js'
import { wishOf } from './wish.js'

const [, , kind = 'mdns', hostText = '-', udpPort = '5353', topic = 'lobby', tcpPort = '4001', bootstrap] = process.argv
const host = hostText === '-' ? {} : { host: hostText }

function parts(): Discovery[] {
  const all: Discovery[] = []
  if (kind !== 'hyperdht') all.push(mdns({ ...host, port: Number(udpPort) }))
  if (kind !== 'mdns') all.push(hyperdht({ ...host, port: 0, bootstrap: bootstrap ? [bootstrap] : [] }))
  return all
}

async function serve(): Promise<void> {
  const server = await createBootstrapServer(host)
  console.log(server.address)
  onEnd(() => server.close())
}

async function find(): Promise<void> {
  const discovery = composeDiscoveries(parts())
  const session = discovery.join(createTopic(topic), wishOf(Number(tcpPort)))
  onEnd(async () => {
    await session.leave()
    await discovery.close()
  })
  void session.flushed().then(() => console.log('flushed'))
  for await (const { source, addresses } of session) console.log(`${source} ${addresses.map(printAddress).join(' ')}`)
}

function onEnd(close: () => Promise<void>): void {
  process.stdin.resume()
  process.stdin.on('end', async () => {
    const start = performance.now()
    await close()
    console.log(`closed ${Math.round(performance.now() - start)}`)
  })
}

await (kind === 'server' ? serve() : find())
