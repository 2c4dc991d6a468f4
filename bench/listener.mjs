// The other process of the throughput benchmark: listens until it is ended.

import { createNode, seeds } from 'hearsay'

const node = createNode({ discovery: [seeds([process.argv[2]])], listen: false })
await node.join('bench', { encoding: 'bytes' })
setInterval(() => {}, 2 ** 30)
