// One of two processes that are told to join at the same moment. argv: kind, bootstrap, topic; joins at the first line of
// stdin, prints after how many milliseconds it was linked, and ends with stdin.

import { once } from 'node:events'
import { open } from './meeting-kinds.mjs'

const [kind, bootstrap, topic] = process.argv.slice(2)
const node = await open(kind, bootstrap)
process.stdout.write('ready\n')
await once(process.stdin, 'data')
const startedAt = performance.now()
process.stdin.resume()
process.stdin.once('end', async () => {
  await node.close()
  process.exit()
})
await node.meet(topic)
process.stdout.write(`${performance.now() - startedAt}\n`)
