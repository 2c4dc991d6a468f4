// The engines alone, with no socket: what one record costs to receive, check, order and pass on.

import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createIdentity, createTopic, sodiumCrypto } from '@hearsay/core'
import { encodeFrame, flood, resolveLimits, trees } from '@hearsay/gossip/machine'

const crypto = sodiumCrypto()
const topic = createTopic('bench')
/** The first byte of a record frame (docs/wire.md). */
const RECORD = 1

function createMachine(engine, author, neighbours) {
  const machine = engine().createMachine({ topic, author, epoch: 1, crypto, limits: resolveLimits() })
  for (let peer = 1; peer <= neighbours; peer++) {
    const { id } = createIdentity()
    machine.handle({ type: 'peer-up', peer, remote: id, window: 1e15 }, 0)
    machine.handle(
      {
        type: 'frame',
        peer,
        frame: encodeFrame({ type: 'hello', author: id, epoch: 1, presentMs: 0, since: 'live', heads: [] }),
      },
      0,
    )
  }
  return machine
}

/** The frames that one publisher sends for so many messages, `batch` of them in a tick, in its `topic`. */
function framesOf({ author, messages, batch, bytes }) {
  const publisher = createMachine(flood, author, 1)
  const frames = []
  for (let sent = 0; sent < messages; sent += batch) {
    const payloads = Array.from({ length: batch }, () => new Uint8Array(bytes).fill(1))
    for (const output of publisher.handle({ type: 'publish', payloads, wall: 0 }, 0))
      if (output.type === 'send' && output.frame[0] === RECORD) frames.push(output.frame)
  }
  return frames
}

/** A machine in the midst of a grown tree: one neighbour sends, one takes it on, the others have it from elsewhere. */
function createRelay(engine, author, neighbours) {
  const machine = createMachine(engine, createIdentity(), neighbours)
  return {
    machine,
    settle() {
      for (let peer = 3; peer <= neighbours; peer++) {
        machine.handle({ type: 'frame', peer, frame: encodeFrame({ type: 'name', author: author.id, epoch: 1 }) }, 0)
        machine.handle({ type: 'frame', peer, frame: encodeFrame({ type: 'prune', names: [0] }) }, 0)
      }
    },
  }
}

function receive({ engine, author, frames, neighbours }) {
  const { machine, settle } = createRelay(engine, author, neighbours)
  machine.handle({ type: 'frame', peer: 1, frame: frames[0] }, 0)
  settle()
  let delivered = 0
  const startedAt = performance.now()
  for (const [index, frame] of frames.entries())
    for (const output of machine.handle({ type: 'frame', peer: 1, frame }, index))
      if (output.type === 'deliver') delivered++
  return (delivered / (performance.now() - startedAt)) * 1_000
}

/** µs of one core for each record of one message, 256 B, when one of three things grows. */
function costOf({ neighbours = 8, authors = 1, topics = 1, records }) {
  const sets = Array.from({ length: authors }, () => {
    const author = createIdentity()
    return { author, frames: framesOf({ author, messages: Math.ceil(records / authors), batch: 1, bytes: 256 }) }
  })
  // One topic's frames serve all of them: what is asked is what it costs to have many machines at work in turns.
  const relays = Array.from({ length: topics }, () => createRelay(trees, sets[0].author, neighbours))
  const turns = Math.ceil(records / authors / topics)
  let handled = 0
  const startedAt = performance.now()
  for (let turn = 0; turn < turns; turn++) {
    for (const { frames } of sets) {
      for (const { machine } of relays) {
        machine.handle({ type: 'frame', peer: 1, frame: frames[turn] }, turn)
        handled++
      }
    }
  }
  return ((performance.now() - startedAt) / handled) * 1_000
}

function growth(scale) {
  const records = Math.round(6_000 * scale)
  const row = (what, values, cost) => [
    `trees: µs a record with ${values.join(', ')} ${what}`,
    values.map((value) => cost(value).toFixed(0)).join(', '),
  ]
  costOf({ records })
  return [
    row('neighbours', [1, 4, 12, 48, 128], (neighbours) => costOf({ neighbours, records })),
    row('authors', [1, 10, 100, 1_000], (authors) => costOf({ authors, records })),
    row('topics', [1, 10, 100], (topics) => costOf({ topics, records })),
    row('bytes of payload', [16, 256, 4_096, 16_000], (bytes) => {
      const author = createIdentity()
      const frames = framesOf({ author, messages: Math.round(records / 4), batch: 1, bytes })
      return 1e6 / receive({ engine: trees, author, frames, neighbours: 8 })
    }),
  ]
}

/** How many deliveries a core makes in a second, by how many messages share a signature: of 12 B, of which a record takes 1,024. */
function byCount(scale) {
  const counts = [1, 4, 16, 64, 256, 1_024]
  const rates = counts.map((batch) => {
    const author = createIdentity()
    const messages = Math.round(Math.min(5_000 * batch, 500_000) * scale)
    const frames = framesOf({ author, messages, batch, bytes: 12 })
    return Math.round(receive({ engine: trees, author, frames, neighbours: 8 })).toLocaleString('en')
  })
  return [`trees: deliveries/s and core, 12 B, ${counts.join(', ')} a signature`, rates.join('; ')]
}

/** What is in use on the heap and in buffers, when all that is not has been let go. */
async function memoryInUse() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  for (let times = 0; times < 5; times++) {
    collect()
    await setImmediate()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** What a message of 100 B takes while it is kept. */
async function memoryOf({ batch, messages }) {
  const author = createIdentity()
  const frames = framesOf({ author, messages, batch, bytes: 100 })
  const { machine } = createRelay(trees, author, 1)
  const before = await memoryInUse()
  for (const [index, frame] of frames.entries()) machine.handle({ type: 'frame', peer: 1, frame }, index)
  const grown = (await memoryInUse()) - before
  // What is kept must be in use until here.
  machine.handle({ type: 'timer' }, frames.length)
  return (grown / messages).toFixed(0)
}

export async function benchEngine(scale) {
  const kept = []
  for (const batch of [1, 64]) kept.push(await memoryOf({ batch, messages: Math.round(40_000 * scale) }))
  const rows = [['trees: bytes of memory for each message of 100 B kept, one and 64 a signature', kept.join(', ')]]
  for (const batch of [1, 64]) {
    const messages = Math.round(20_000 * scale * (batch === 1 ? 1 : 10))
    const author = createIdentity()
    const frames = framesOf({ author, messages, batch, bytes: 256 })
    for (const neighbours of [1, 8]) {
      for (const engine of [flood, trees]) {
        const rate = Math.round(receive({ engine, author, frames, neighbours }))
        rows.push([
          `${engine.name}: deliveries/s and core, 256 B, ${batch} a signature, ${neighbours} neighbour${neighbours === 1 ? '' : 's'}`,
          rate.toLocaleString('en'),
        ])
      }
    }
  }
  return { title: 'Engine alone', rows: [...rows, byCount(scale), ...growth(scale)] }
}
