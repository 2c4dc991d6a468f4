// The engines alone, with no socket: what one record costs to receive, check, order and pass on.

import { createIdentity, createTopic, sodiumCrypto } from '@hearsay/core'
import { encodeFrame, flood, resolveLimits, trees } from '@hearsay/gossip/machine'

const crypto = sodiumCrypto()
const topic = createTopic('bench')

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

/** The frames that one publisher sends for so many messages, `batch` of them in a tick. */
function framesOf({ author, messages, batch, bytes }) {
  const publisher = createMachine(flood, author, 1)
  const frames = []
  for (let sent = 0; sent < messages; sent += batch) {
    const payloads = Array.from({ length: batch }, () => new Uint8Array(bytes).fill(1))
    for (const output of publisher.handle({ type: 'publish', payloads, wall: 0 }, 0))
      if (output.type === 'send') frames.push(output.frame)
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

export function benchEngine(scale) {
  const rows = []
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
  return { title: 'Engine alone', rows }
}
