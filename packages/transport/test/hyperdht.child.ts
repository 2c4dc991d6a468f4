// Two pools meet over HyperDHT and close; then nothing may keep this process alive.

import { createIdentity, parseAddress } from '@hearsay/core'
import { createPool } from '@hearsay/transport'
import { hyper } from '@hearsay/transport/hyperdht'
import { createTestnet } from './testnet.js'

const testnet = await createTestnet(4)
const pools = [createIdentity(), createIdentity()].map((identity) => {
  const made = hyper({ identity, bootstrap: testnet.bootstrap, host: '127.0.0.1', port: 0 })
  return { identity, pool: createPool({ identity, transports: [made] }) }
})
await Promise.all(pools.map(({ pool }) => pool.listen()))
await pools[0]?.pool.connect(parseAddress(`hyper://${pools[1]?.identity.id}`))
await Promise.all(pools.map(({ pool }) => pool.close()))
await testnet.close()
console.log('closed')
