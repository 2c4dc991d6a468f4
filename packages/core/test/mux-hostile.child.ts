// Feeds links with every hostile message, with mutations of honest ones and with random sequences of both. Nothing here
// catches an exception: if one escapes, this process dies and the test that started it fails.

import { createIdentity, seededRandom } from '@hearsay/core'
import { settle, virtualClock } from '@hearsay/core/memory'
import { establish, muxLink } from '@hearsay/core/mux'
import { bytes, HOSTILE, hello, open } from './mux-bytes.js'
import { messagePair } from './mux-streams.js'

const random = seededRandom(7)
const clock = virtualClock()
const remote = createIdentity().id

const HONEST = [
  open(2),
  open(3, bytes(1, 2, 3)),
  bytes(0, 1, 4, 1, 'u', 2, 1, 2, 100, 5),
  bytes(0, 2, 2),
  bytes(0, 3, 2),
  bytes(0, 3, 3),
  bytes(2, 0, 1, 2, 3),
  bytes(2, 1, 50),
  bytes(1, 0, 0, new Uint8Array(8)),
  bytes(1, 0, 1, new Uint8Array(8)),
  bytes(0, 0, 0, 6, open(2).subarray(1), 0, 2, 2, 0, 7),
]

function mutated(message: Uint8Array): Uint8Array {
  const out = message.slice(0, random.below(4) === 0 ? random.below(message.byteLength + 1) : undefined)
  for (let flips = random.below(3); flips > 0 && out.byteLength > 0; flips--) {
    out[random.below(out.byteLength)] = [0, 1, 2, 0xfc, 0xfd, 0xfe, 0xff][random.below(7)] ?? random.below(256)
  }
  return out
}

function anything(): Uint8Array {
  const kind = random.below(10)
  if (kind < 4) return HONEST[random.below(HONEST.length)] ?? bytes()
  if (kind < 9) return mutated(HONEST[random.below(HONEST.length)] ?? bytes())
  return random.bytes(random.below(40))
}

async function run(messages: readonly Uint8Array[]): Promise<void> {
  const { near, far } = messagePair()
  const link = muxLink(near, { remote, initiator: false, address: null, handshakeHash: new Uint8Array(32), clock })
  far.on('data', () => {})
  link.on('channel', (name) => {
    if (random.below(3) === 0) return
    const channel = link.openChannel(name)
    channel.on('open', () => random.below(4) === 0 && channel.close())
    channel.on('frame', () => random.below(4) === 0 && channel.close())
  })
  establish(link, { network: 'test', clock }).then(
    () => {
      for (const protocol of ['t', 'u']) if (random.below(2) === 0) link.openChannel({ protocol })
    },
    () => {},
  )
  for (const message of messages) far.write(message)
  await settle()
  const closing = link.close()
  // The remote never ends its side.
  clock.advance(3_000)
  await closing
}

for (const [, message] of HOSTILE) await run([hello(), open(2), message])
for (let round = 0; round < 3_000; round++) {
  const length = 1 + random.below(12)
  await run([hello(), ...Array.from({ length }, anything)])
}
for (let round = 0; round < 500; round++) await run([mutated(hello()), anything()])
console.log('alive')
