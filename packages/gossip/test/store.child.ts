// Appends records to a store without end, and tells of each batch once it is kept. Whoever started it kills it.

import { createIdentity, createRecord, createTopic, sodiumCrypto } from '@hearsay/core'
import { ClassicLevel } from 'classic-level'
import { levelStore } from '../src/store/level.js'

const [directory = '', first = '0'] = process.argv.slice(2)
const database = new ClassicLevel<string, Uint8Array>(directory)
const topic = createTopic('killed')
const author = createIdentity({ seed: new Uint8Array(32).fill(9) })
const store = levelStore(database, topic)
let seq = Number(first)
for (;;) {
  const records = Array.from({ length: 1 + (seq % 7) }, () => {
    const messages = [new Uint8Array(seq % 3_000)]
    const draft = { epoch: 1, firstSeq: seq++, time: 0, prev: new Uint8Array(16), messages }
    return { record: createRecord(draft, topic, author, sodiumCrypto()), receivedAt: seq }
  })
  await store.append(records)
  if (seq % 50 < 7) await store.prune({ messages: 200, bytes: 1e9 })
  process.stdout.write(`${seq}\n`)
}
