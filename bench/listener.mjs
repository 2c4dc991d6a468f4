// The other process of the throughput benchmark: listens until it is ended, and says what it took of the processor.

import { createNode, seeds } from 'hearsay'

const node = createNode({ discovery: [seeds([process.argv[2]])], listen: false })
await node.join('bench', { encoding: 'bytes' })
process.on('message', () => process.send(process.cpuUsage()))
