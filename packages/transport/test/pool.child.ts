// Links two pools, leaves a candidate that nobody answers and a stream half open, closes both, and must then exit by itself.

import { createIdentity, createTopic, parseAddress } from '@hearsay/core'
import { createPool, tcp } from '@hearsay/transport'

const pools = [0, 1].map(() => createPool({ identity: createIdentity(), transports: [tcp()], network: 'test' }))
const [a, b] = pools
if (!a || !b) throw new Error('two pools')
await Promise.all(pools.map((pool) => pool.listen()))
const address = b.addresses.find(({ host }) => host === '127.0.0.1')
if (!address) throw new Error('an address')
const topic = createTopic('child').id
a.want(
  { peer: null, addresses: [parseAddress('tcp://127.255.255.254:9')], source: 'test', persistent: true },
  { topic },
)
const link = await a.connect(address)
link.openChannel({ protocol: 'nobody/1' })
const transport = tcp()
const silent = await transport.dial(address)
silent.resume()
console.log('linked')
await Promise.all(pools.map((pool) => pool.close()))
await transport.close()
console.log('closed')
