// One of the two: says hello, prints what the other says, and leaves when both have heard each other.
// usage: node talk.mjs <topic> <name>

import { join } from 'hearsay'

const [topic, name] = process.argv.slice(2)
const room = await join(topic)
const receipt = await room.publish(`hello from ${name}`)

for await (const { author, seq, data } of room) {
  console.log(`  ${name} heard ${JSON.stringify(data)} from ${author} (seq ${seq})`)
  break
}
await receipt.confirmed(1)
await room.close()
