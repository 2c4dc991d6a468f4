// A capture of what a node says on the network, over a day's turn: what a listener could keep of it.

import { createSocket } from 'node:dgram'
import { hostname } from 'node:os'
import {
  type Clock,
  createIdentity,
  createTopic,
  discoveryKeys,
  type Identity,
  systemClock,
  type Topic,
} from '@hearsay/core'
import { expect, test } from 'vitest'
import { mdns } from '../src/index.js'
import { freePort } from './support/port.js'
import { wishOf } from './support/wish.js'

const DAY_MS = 86_400_000
const NOON = Date.UTC(2025, 5, 15, 12)
const host = '127.0.0.1'
const ports = { tcp: 4_001 }

/** The machine's clock, shifted: `jump` is what a night in a suspended laptop is, or a day of which nobody heard anything. */
function jumpingClock(startWallMs: number): Clock & { jump(ms: number): void } {
  const { setTimer } = systemClock()
  const startedAt = performance.now()
  let offset = 0
  return {
    now: () => performance.now() + offset,
    wall: () => startWallMs + performance.now() - startedAt + offset,
    setTimer,
    jump: (ms) => {
      offset += ms
    },
  }
}

interface Capture {
  /** What was heard so far, as one byte a letter. */
  readonly packets: readonly string[]
  /** Resolves when so many packets, beyond those of before, have been heard. */
  more(count: number): Promise<void>
  close(): Promise<void>
}

/** A second mDNS socket that hears everything on loopback and says nothing. */
async function capture(port: number): Promise<Capture> {
  const packets: string[] = []
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  socket.on('message', (bytes) => packets.push(bytes.toString('latin1')))
  await new Promise<void>((resolve) => socket.bind(port, '0.0.0.0', resolve))
  socket.addMembership('224.0.0.251', host)
  const more = async (count: number): Promise<void> => {
    const wanted = packets.length + count
    await expect.poll(() => packets.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(wanted)
  }
  return { packets, more, close: () => new Promise((resolve) => socket.close(() => resolve())) }
}

/** Joins and leaves; answers all packets of it. */
async function captureOfJoin(topic: Topic, identity: Identity, wallMs: number): Promise<string[]> {
  const port = await freePort()
  const heard = await capture(port)
  const discovery = mdns({ host, port, clock: jumpingClock(wallMs) })
  const session = discovery.join(topic, wishOf(ports.tcp, { identity }))
  // Announcement and two queries, and a goodbye later.
  await heard.more(3)
  await session.leave()
  await discovery.close()
  await expect.poll(() => heard.packets.at(-1)?.includes('\x00\x0c\x00\x01\x00\x00\x00\x00')).toBe(true)
  await heard.close()
  return [...heard.packets]
}

test('a capture of a join holds no name, no key, no id, and nothing that is the same the next day', async () => {
  const topic = createTopic('a name to look for')
  const identity = createIdentity()
  const days = [await captureOfJoin(topic, identity, NOON), await captureOfJoin(topic, identity, NOON + DAY_MS)]
  expectNoSecrets(days.flat(), topic, identity)
  expect(repeated(days[0] ?? [], days[1] ?? [])).toEqual([])
})

test('a node that runs on, or sleeps, into the next day says nothing of the day before, not even a goodbye', async () => {
  const port = await freePort()
  const [topic, identity, clock] = [createTopic('a name to look for'), createIdentity(), jumpingClock(NOON)]
  const heard = await capture(port)
  const discovery = mdns({ host, port, clock })
  const session = discovery.join(topic, wishOf(ports.tcp, { identity }))
  await heard.more(3)
  const before = heard.packets.length
  clock.jump(DAY_MS)
  session.refresh()
  await heard.more(3)
  await discovery.close()
  await heard.close()
  expectNoSecrets(heard.packets, topic, identity)
  expect(repeated(heard.packets.slice(0, before), heard.packets.slice(before))).toEqual([])
})

test('the search for what repeats finds a label', () => {
  const packet = (label: string): string => `${HEADER}\x10${label}${SERVICE}`
  expect(repeated([packet('0123456789abcdef')], [packet('01234567fedcba98')])).toContain('01234567')
})

function expectNoSecrets(packets: readonly string[], topic: Topic, identity: Identity): void {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
  const keys = [NOON, NOON + DAY_MS].flatMap((at) => discoveryKeys(topic, at))
  const bytes = [topic.key, topic.idBytes, identity.publicKey, ...keys].map((key) => text(key).slice(0, 8))
  const secrets = [topic.name ?? '?', topic.id, hostname(), ...bytes]
  expect(secrets.filter((secret) => packets.some((packet) => packet.includes(secret)))).toEqual([])
}

const HEADER = '\x00\x00\x84\x00\x00\x00\x00\x04\x00\x00\x00\x00'
const SERVICE = '\x08_hearsay\x04_udp\x05local\x00'
/** What the protocol alone says, longest first; the last one is the interface's address. */
const CONSTANTS = [
  HEADER,
  SERVICE,
  // Goodbyes and queries.
  ...[0, 1, 2, 3].map((records) => `\x00\x00\x84\x00\x00\x00\x00${String.fromCharCode(records)}\x00\x00\x00\x00`),
  ...[0, 1, 2, 3].map((records) => `\x00\x00\x00\x00\x00\x01\x00${String.fromCharCode(records)}\x00\x00\x00\x00`),
  '\x05local\x00',
  // Type, class, TTL and size: of PTR, SRV (with priority and weight), TXT (with the names of its values), and A.
  '\x00\x0c\x00\x01\x00\x00\x00x\x00&\x10',
  '\x00\x0c\x00\x01\x00\x00\x00\x00\x00&\x10',
  '\x00!\x80\x01\x00\x00\x00x\x00\x1e\x00\x00\x00\x00',
  '\x00\x10\x80\x01\x00\x00\x00x\x00#\x03v=1\x12s=',
  '\x0bt0=',
  '\x00\x01\x80\x01\x00\x00\x00x\x00\x04\x7f\x00\x00\x01',
]

/** Every run of eight bytes that is in both captures beside what the protocol alone says. */
function repeated(one: readonly string[], other: readonly string[]): string[] {
  const old = new Set(one.flatMap(runsOf))
  return [...new Set(other.flatMap(runsOf).filter((run) => old.has(run)))]
}

function runsOf(packet: string): string[] {
  const rest = CONSTANTS.reduce((parts, constant) => parts.flatMap((part) => part.split(constant)), [packet])
  return rest.flatMap((part) => Array.from({ length: Math.max(0, part.length - 7) }, (_, at) => part.slice(at, at + 8)))
}
