// The flood engine alone, with no socket: what one record costs to receive, and to publish.

import { createIdentity, createTopic, sodiumCrypto } from '@hearsay/core'
import { encodeFrame, flood, resolveLimits } from '@hearsay/gossip/machine'

const crypto = sodiumCrypto()
const topic = createTopic('bench')

function createMachine(author, neighbours) {
  const machine = flood().createMachine({ topic, author, epoch: 1, crypto, limits: resolveLimits() })
  for (let peer = 1; peer <= neighbours; peer++) {
    const { id } = createIdentity()
    machine.handle({ type: 'peer-up', peer, remote: id, window: 1e15 }, 0)
    machine.handle(
      { type: 'frame', peer, frame: encodeFrame({ type: 'hello', author: id, epoch: 1, presentMs: 0, heads: [] }) },
      0,
    )
  }
  return machine
}

/** The frames that one publisher sends for so many messages, `batch` of them in a tick. */
function framesOf({ messages, batch, bytes }) {
  const publisher = createMachine(createIdentity(), 1)
  const frames = []
  for (let sent = 0; sent < messages; sent += batch) {
    const payloads = Array.from({ length: batch }, () => new Uint8Array(bytes).fill(1))
    for (const output of publisher.handle({ type: 'publish', payloads, wall: 0 }, 0))
      if (output.type === 'send') frames.push(output.frame)
  }
  return frames
}

function receive(frames, neighbours) {
  const machine = createMachine(createIdentity(), neighbours)
  let delivered = 0
  const startedAt = performance.now()
  for (const frame of frames)
    for (const output of machine.handle({ type: 'frame', peer: 1, frame }, 0))
      if (output.type === 'deliver') delivered++
  return (delivered / (performance.now() - startedAt)) * 1_000
}

export function benchEngine(scale) {
  const rows = []
  for (const batch of [1, 64]) {
    const messages = Math.round(20_000 * scale * (batch === 1 ? 1 : 10))
    const frames = framesOf({ messages, batch, bytes: 256 })
    for (const neighbours of [1, 8]) {
      const rate = Math.round(receive(frames, neighbours))
      rows.push([
        `deliveries/s and core, 256 B, ${batch} a signature, ${neighbours} neighbour${neighbours === 1 ? '' : 's'}`,
        rate.toLocaleString('en'),
      ])
    }
  }
  return { title: 'Engine alone', rows }
}
