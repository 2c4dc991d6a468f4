// Two nodes of the mainline DHT meet and close; then nothing may keep this process alive.

import { mainline } from '../../src/mainline.js'
import { mainlineNetwork } from './mainline-network.js'
import { freshTopic, nextCandidate, wishOf } from './wish.js'

const network = await mainlineNetwork()
const [a, b] = [1, 2].map(() => mainline({ bootstrap: [network.address], host: '127.0.0.1' }))
const topic = freshTopic()
a?.join(topic, wishOf(4_001))
const session = b?.join(topic, wishOf(4_002))
if (session) await nextCandidate(session)
await Promise.all([a?.close(), b?.close()])
await network.close()
console.log('closed')
