// Two pools meet over WebSocket and close; then nothing may keep this process alive. A stranger who never upgrades is there
// all the time.

import { connect } from 'node:net'
import { createIdentity } from '@hearsay/core'
import { createPool } from '@hearsay/transport'
import { websocket } from '@hearsay/transport/ws'

const pools = [0, 1].map(() => createPool({ identity: createIdentity(), transports: [websocket()] }))
const [address] = (await pools[0]?.listen({ host: '127.0.0.1' })) ?? []
if (!address) throw new Error('listening')
const stranger = connect(address.port, '127.0.0.1')
stranger.on('error', () => {})
stranger.write('GET / HTTP/1.1\r\n')
await pools[1]?.connect(address)
await Promise.all(pools.map((pool) => pool.close()))
console.log('closed')
