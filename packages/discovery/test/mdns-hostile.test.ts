// What anybody on the network may send to the mDNS port: nothing of it throws, takes long, or grows anything.
// HEARSAY_FUZZ_PACKETS and HEARSAY_FUZZ_SEED make the run longer (docs/long-runs.md).

import { createSocket, type Socket } from 'node:dgram'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createTopic, saltedTopicHash, seededRandom, type Topic } from '@hearsay/core'
import { afterEach, describe, expect, test } from 'vitest'
import { mdns } from '../src/index.js'
import { createMdnsMachine, fromPacket, type MdnsInstance, type MdnsMessage, toPacket } from '../src/machine.js'
import { isWorthDecoding } from '../src/mdns/guard.js'
import { Intake, MAX_SOURCES } from '../src/mdns/intake.js'
import { codec } from './support/codec.js'
import { freePort } from './support/port.js'
import { freshTopic, nextCandidate, wishOf } from './support/wish.js'

const PACKETS = Number(process.env.HEARSAY_FUZZ_PACKETS ?? 50_000)
const SEED = Number(process.env.HEARSAY_FUZZ_SEED ?? 1)
const SERVICE = Buffer.from('\x08_hearsay\x04_udp\x05local\x00', 'latin1')

const random = seededRandom(SEED)
const labelOf = (): string => Buffer.from(random.bytes(8)).toString('hex')

function announcement(topics: number): MdnsMessage {
  const hashes = Array.from({ length: topics }, () => random.bytes(8))
  const instance = { label: labelOf(), port: 4_000, salt: random.bytes(16), hashes, ttlMs: 120_000 }
  return { kind: 'response', instances: [instance], goodbyes: [labelOf()] }
}

/** A message with these counts and this body. */
function dns(counts: readonly [number, number, number, number], ...body: Uint8Array[]): Buffer {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(0x8400, 2)
  for (const [i, count] of counts.entries()) header.writeUInt16BE(count, 4 + 2 * i)
  return Buffer.concat([header, ...body])
}

const encoded = (message: MdnsMessage, address = '10.0.0.1'): Buffer => codec.encode(toPacket(message, address))

describe('before a packet is decoded', () => {
  const good = encoded(announcement(32))

  test('what has no room for what it says it carries is dropped: the decoder would reserve it', () => {
    expect(isWorthDecoding(dns([0, 0, 0, 0], SERVICE))).toBe(true)
    const questions = Math.floor(SERVICE.byteLength / 5)
    expect(isWorthDecoding(dns([questions, 0, 0, 0], SERVICE))).toBe(true)
    expect(isWorthDecoding(dns([questions + 1, 0, 0, 0], SERVICE))).toBe(false)
    expect(isWorthDecoding(dns([0, 1, 0, 0], SERVICE))).toBe(true)
    expect(isWorthDecoding(dns([0, 1, 1, 0], SERVICE))).toBe(false)
    expect(isWorthDecoding(dns([65_535, 65_535, 65_535, 65_535], SERVICE))).toBe(false)
  })

  test('other sizes, other opcodes, response codes and other services are dropped', () => {
    expect(isWorthDecoding(good)).toBe(true)
    const padded = (bytes: number): Buffer => Buffer.concat([good, Buffer.alloc(bytes - good.byteLength)])
    expect([1_499, 1_500, 1_501].map((bytes) => isWorthDecoding(padded(bytes)))).toEqual([true, true, false])
    expect([0, 1, 11].map((bytes) => isWorthDecoding(good.subarray(0, bytes)))).toEqual([false, false, false])
    const withByte = (at: number, byte: number): Buffer => Buffer.from(good.map((old, i) => (i === at ? byte : old)))
    expect(isWorthDecoding(withByte(2, 0x8c))).toBe(false)
    expect(isWorthDecoding(withByte(3, 1))).toBe(false)
    expect(isWorthDecoding(codec.encode({ questions: [{ name: '_ipp._tcp.local', type: 'PTR' }] }))).toBe(false)
    expect(isWorthDecoding(codec.encode({ questions: [{ name: '_HearSay._UDP.local', type: 'PTR' }] }))).toBe(true)
  })

  test('compressed names are understood', () => {
    const [type, label] = [Buffer.from('000c000100000000', 'hex'), Buffer.from(`\x10${'a'.repeat(16)}`)]
    const pointer = Buffer.from([0xc0, 12])
    const goodbye = dns([0, 1, 0, 0], SERVICE, type, Buffer.from([0, label.byteLength + 2]), label, pointer)
    expect(isWorthDecoding(goodbye)).toBe(true)
    const expected = { kind: 'response', instances: [], goodbyes: ['a'.repeat(16)] }
    expect(fromPacket(codec.decode(goodbye))).toEqual(expected)
  })

  test('the worst chain of compressed names that fits is followed some 20,000 links: a fraction of a millisecond', () => {
    const links = 350
    const start = 12 + SERVICE.byteLength + 10
    const chain = Buffer.alloc(2 * links)
    for (let i = 0; i < links; i++) chain.writeUInt16BE(0xc000 + (i === 0 ? 12 : start + 2 * (i - 1)), 2 * i)
    const first = [SERVICE, Buffer.from('00100001000000000000', 'hex')]
    first[1]?.writeUInt16BE(chain.byteLength, 8)
    // A text record may hold anything; as NULL the bytes are not looked at.
    first[1]?.writeUInt16BE(10, 0)
    const record = Buffer.from(`${(0xc000 + start + 2 * (links - 1)).toString(16)}000a0001000000000000`, 'hex')
    const count = Math.floor((1_500 - start - chain.byteLength) / record.byteLength)
    const packet = dns([0, 1 + count, 0, 0], ...first, chain, ...Array.from({ length: count }, () => record))
    expect(packet.byteLength).toBeGreaterThan(1_480)
    expect(isWorthDecoding(packet)).toBe(true)
    let reads = 0
    packet.readUInt16BE = (at) => {
      reads += 1
      return Buffer.prototype.readUInt16BE.call(packet, at)
    }
    const { answers } = codec.decode(packet) as { answers: { name: string }[] }
    expect(answers.at(-1)?.name).toBe('_hearsay._udp.local')
    expect(reads).toBeGreaterThan(links * count)
    expect(reads).toBeLessThan(25_000)
  })
})

test(`of ${PACKETS} mutated packets none throws, and memory stays flat`, { timeout: 120_000 }, () => {
  const corpus = [
    ...[0, 1, 16, 32].map((topics) => encoded(announcement(topics), topics % 2 ? '::1' : '10.0.0.1')),
    encoded({ kind: 'query', known: [labelOf(), labelOf()] }),
    encoded({ kind: 'response', instances: [], goodbyes: [labelOf(), labelOf(), labelOf()] }),
    ...NEIGHBOURLY.map((packet) => codec.encode(packet)),
  ]
  const machine = createMdnsMachine({ random: seededRandom(1) })
  machine.handle({ type: 'up', interface: 'eth0' }, 0)
  machine.handle({ type: 'join', session: 1, topic: createTopic('fuzz'), wish: { port: 4_000, lookup: true } }, 0)
  const counts = { decoded: 0, understood: 0 }
  let warm = 0
  for (let i = 0; i < PACKETS; i++) {
    if (i === Math.floor(PACKETS / 5)) warm = usedBytes()
    const bytes = mutate(corpus)
    if (!isWorthDecoding(bytes)) continue
    const packet = decode(bytes)
    if (packet === null) continue
    counts.decoded += 1
    const message = fromPacket(packet)
    if (!message) continue
    counts.understood += 1
    const source = `10.0.${random.below(4)}.${random.below(256)}`
    machine.handle({ type: 'message', interface: 'eth0', source, message }, i)
    if (i % 100 === 0) machine.handle({ type: 'wake', lonely: true }, i)
  }
  console.log(`mdns: ${PACKETS} packets from seed ${SEED}: ${JSON.stringify(counts)}`)
  expect(machine.neighbours, `seed ${SEED}`).toBeLessThanOrEqual(1_024)
  expect(usedBytes() - warm, `seed ${SEED}`).toBeLessThan(8_000_000)
  expect(counts.decoded).toBeGreaterThan(PACKETS / 10)
  expect(counts.understood).toBeGreaterThan(PACKETS / 50)
})

test('the budget of 10,000 sources takes the room of 1,024', () => {
  const intake = new Intake()
  for (let i = 0; i < 10_000; i++) {
    intake.admits(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 1, i)
    if (i === MAX_SOURCES - 1 || i === MAX_SOURCES) expect(intake.size).toBe(MAX_SOURCES)
  }
  expect(intake.size).toBe(MAX_SOURCES)
})

describe('on a real network', () => {
  const opened: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of opened.splice(0)) await close()
  })

  async function looking(port: number, topic: Topic) {
    const discovery = mdns({ host: '127.0.0.1', port })
    opened.push(() => discovery.close())
    const session = discovery.join(topic, wishOf(4_001))
    await session.flushed()
    return session
  }

  async function socketAt(port: number, host: string): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    await new Promise<void>((resolve) => socket.bind(port, host, resolve))
    socket.setMulticastInterface('127.0.0.1')
    opened.push(() => new Promise((resolve) => socket.close(() => resolve())))
    return socket
  }

  test('10,000 invented instances, half of them with the topic, do not hide an honest one', async () => {
    const [port, topic] = [await freePort(), freshTopic()]
    const session = await looking(port, topic)
    const stranger = await socketAt(port, '127.0.0.66')
    for (let i = 0; i < 10_000; i++) {
      const salt = random.bytes(16)
      const hashes = [i % 2 ? saltedTopicHash(topic, salt) : random.bytes(8)]
      const instance: MdnsInstance = { label: labelOf(), port: 1_024 + i, salt, hashes, ttlMs: 120_000 }
      const bytes = encoded({ kind: 'response', instances: [instance], goodbyes: [] }, '127.0.0.66')
      await new Promise((resolve) => stranger.send(bytes, port, '224.0.0.251', resolve))
    }
    const honest = mdns({ host: '127.0.0.1', port })
    opened.push(() => honest.close())
    honest.join(topic, wishOf(40_000))
    const startedAt = performance.now()
    await nextCandidate(session, ({ addresses }) => addresses[0]?.port === 40_000)
    expect(performance.now() - startedAt).toBeLessThan(3_000)
  })

  test('a unicast query gets no unicast answer, whatever its port: nothing to reflect', async () => {
    const [port, topic] = [await freePort(), freshTopic()]
    await looking(port, topic)
    const group = await socketAt(port, '0.0.0.0')
    group.addMembership('224.0.0.251', '127.0.0.1')
    const reflected: Buffer[] = []
    const strangers = [await socketAt(0, '127.0.0.2'), await socketAt(port, '127.0.0.2')]
    // Class 0x8001: the asker wants the answer for itself (RFC 6762 §5.4).
    const query = Buffer.concat([dns([1, 0, 0, 0], SERVICE), Buffer.from('000c8001', 'hex')])
    query.writeUInt16BE(0, 2)
    for (const stranger of strangers) {
      stranger.on('message', (bytes) => reflected.push(bytes))
      for (const host of ['224.0.0.251', '127.0.0.1'])
        await new Promise((resolve) => stranger.send(query, port, host, resolve))
    }
    const answer = await new Promise<Buffer>((resolve) =>
      group.on('message', (bytes) => {
        if (bytes.readUInt16BE(2) === 0x8400) resolve(bytes)
      }),
    )
    expect(fromPacket(codec.decode(answer))).toMatchObject({ kind: 'response', instances: [{ port: 4_001 }] })
    expect(reflected).toEqual([])
  })
})

/** As multicast-dns does it: a packet that cannot be decoded is dropped there. */
function decode(bytes: Buffer): unknown {
  try {
    return codec.decode(bytes)
  } catch {
    return null
  }
}

function mutate(corpus: readonly Buffer[]): Buffer {
  const pick = (): Buffer => corpus[random.below(corpus.length)] ?? Buffer.alloc(0)
  let bytes = Buffer.from(pick())
  if (random.below(8) === 0) bytes = Buffer.concat([bytes.subarray(0, random.below(bytes.length)), pick()])
  for (let changes = random.below(4); changes > 0; changes--) {
    const at = random.below(bytes.length)
    if (random.below(4) === 0 && at + 2 <= bytes.length) bytes.writeUInt16BE(0xc000 + random.below(at + 1), at)
    else bytes[at] = random.below(256)
  }
  return random.below(6) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes
}

/** What a network's printers, televisions and telephones say beside us, and what a confused one might. */
const NEIGHBOURLY: readonly object[] = [
  {
    type: 'query',
    questions: [
      { name: '_hearsay._udp.local', type: 'PTR' },
      { name: '_googlecast._tcp.local', type: 'PTR' },
      { name: '_services._dns-sd._udp.local', type: 'PTR' },
    ],
    additionals: [{ name: '.', type: 'OPT', udpPayloadSize: 1_440, options: [{ code: 4, data: Buffer.alloc(18) }] }],
  },
  {
    type: 'response',
    answers: [
      { name: '_hearsay._udp.local', type: 'PTR', ttl: 4_500, data: 'Television._hearsay._udp.local' },
      { name: 'Television._hearsay._udp.local', type: 'TXT', ttl: 4_500, data: ['id=1', Buffer.alloc(200)] },
      { name: 'Television.local', type: 'HINFO', ttl: 120, data: { cpu: 'ARM', os: 'LINUX' } },
    ],
    additionals: [
      { name: 'Television.local', type: 'NSEC', ttl: 120, data: { nextDomain: 'x.local', rrtypes: ['A', 'AAAA'] } },
      { name: 'Television.local', type: 'AAAA', ttl: 120, data: 'fe80::1' },
    ],
  },
]

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function usedBytes(): number {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
