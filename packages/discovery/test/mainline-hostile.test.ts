// What strangers can send to a node of the mainline DHT: junk that is nearly right, from a seed (HEARSAY_FUZZ_SEED), as many
// packets as HEARSAY_FUZZ_PACKETS says. Nothing may throw, hang or grow.

import { createSocket, type Socket } from 'node:dgram'
import { type Random, seededRandom, systemClock } from '@hearsay/core'
import { virtualClock } from '@hearsay/core/memory'
import DHT from 'bittorrent-dht'
import { afterEach, describe, expect, test } from 'vitest'
import { decodeBencode } from '../src/mainline/bencode.js'
import { readPacket } from '../src/mainline/packet.js'
import { Patience } from '../src/mainline/patience.js'
import { GuardedSocket, MAX_QUERIES, MAX_QUERIES_PER_HOST } from '../src/mainline/socket.js'

const PACKETS = Number(process.env.HEARSAY_FUZZ_PACKETS ?? 20_000)
const SEED = Number(process.env.HEARSAY_FUZZ_SEED ?? 1)
const host = '127.0.0.1'

const sockets: Socket[] = []
afterEach(() =>
  Promise.all(sockets.splice(0).map((each) => new Promise<void>((resolve) => each.close(() => resolve())))),
)

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, host, resolve))
  return socket
}

const text = (value: string): Buffer => Buffer.from(value, 'latin1')
const id = (letter: string): string => `20:${letter.repeat(20)}`
const query = (name: string, more: string, transaction = 'aa'): string =>
  `d1:ad2:id${id('x')}${more}e1:q${name.length}:${name}1:t2:${transaction}1:y1:qe`
const reply = (more: string, transaction: string): string => `d1:rd2:id${id('y')}${more}e1:t2:${transaction}1:y1:re`
const NODES = `5:nodes52:${'n'.repeat(20)}\x7f\0\0\x01\x20\x20${'m'.repeat(20)}\x7f\0\0\x01\x30\x30`

/** One of each kind, right in every part. */
const templates = (transaction: string): string[] => [
  query('ping', ''),
  query('find_node', `6:target${id('t')}`),
  query('get_peers', `9:info_hash${id('h')}`),
  query('announce_peer', `12:implied_porti0e9:info_hash${id('h')}4:porti6881e5:token20:${'k'.repeat(20)}`),
  reply('', transaction),
  reply(NODES, transaction),
  reply(`${NODES}5:token4:tttt6:valuesl6:\x7f\0\0\x01\x20\x206:\x7f\0\0\x01\x30\x30e`, transaction),
  `d1:eli203e4:oopse1:t2:${transaction}1:y1:ee`,
]

describe('a stranger', () => {
  test(`who sends ${PACKETS} packets from seed ${SEED} does no harm`, { timeout: 120_000 }, async () => {
    const random = seededRandom(SEED)
    const [socket, stranger] = [await bound(), await bound()]
    sockets.push(stranger)
    let ms = 0
    // Time flies, so that no packet is dropped for being one too many.
    const clock = { ...systemClock(), now: () => (ms += 1_000) }
    const faults: unknown[] = []
    const guarded = new GuardedSocket(socket, { clock, onFault: (error) => faults.push(error), onSilence: () => {} })
    let passed = 0
    guarded.on('message', () => passed++)
    const dht = new DHT({
      socket: guarded,
      bootstrap: [`${host}:${stranger.address().port}`],
      maxPeers: 100,
      maxTables: 10,
    })
    dht.on('error', () => {})
    const from = { address: host, port: stranger.address().port, family: 'IPv4' as const, size: 0 }
    for (let sent = 0; sent < PACKETS; sent++) {
      if (sent % 20 === 0) dht.lookup(Buffer.from(random.bytes(20)), () => {})
      if (sent % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
      socket.emit('message', hostile(random), { ...from, port: random.below(50) === 0 ? 0 : from.port })
    }
    await new Promise<void>((resolve) => dht.destroy(() => resolve()))
    expect(faults).toEqual([])
    // The seed is of use only while some come through.
    expect(passed).toBeGreaterThan(PACKETS / 20)
    expect(dht.nodes.toArray().length).toBeLessThan(3_300)
  })

  test.each([
    ['a length that leads back', 'l-3:'],
    ['a length beyond the end', '9:x'],
    ['a length without digits', ':x'],
    ['a length of many digits', '0000001:x'],
    ['a number that is none', 'i1.5e'],
    ['a number without an end', 'i12'],
    ['a number too large', 'i9999999999999999e'],
    ['no value', ''],
    ['two values', 'i1ei2e'],
    ['a list without an end', 'li1e'],
    ['a key that is no string', 'di1ei2ee'],
    ['a key without a value', 'd1:ae'],
    ['a key that objects inherit by', 'd9:__proto__dee'],
    ['lists in lists in lists', 'l'.repeat(30_000)],
    ['more values than a datagram of peers', `l${'le'.repeat(9_000)}e`],
  ])('who sends %s is not read', (_what, bytes) => {
    expect(decodeBencode(text(bytes))).toBeNull()
  })

  test.each([
    ['another query', query('get', `6:target${id('t')}`)],
    ['no id', 'd1:ade1:q4:ping1:t2:aa1:y1:qe'],
    ['an id too short', 'd1:ad2:id19:xxxxxxxxxxxxxxxxxxxe1:q4:ping1:t2:aa1:y1:qe'],
    ['no transaction', `d1:ad2:id${id('x')}e1:q4:ping1:y1:qe`],
    ['a number as the name', `d1:ad2:id${id('x')}e1:qi4e1:t2:aa1:y1:qe`],
    ['no target', query('find_node', '')],
    ['a token that is a number', query('announce_peer', `9:info_hash${id('h')}4:porti6881e5:tokeni1e`)],
    ['a port too large', query('announce_peer', `9:info_hash${id('h')}4:porti65536e5:token1:k`)],
    ['nodes with a rest', reply('5:nodes27:aaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aa')],
    ['nodes as a list', reply('5:nodesle', 'aa')],
    ['a peer of five bytes', reply('6:valuesl5:aaaaae', 'aa')],
    ['an error as a string', 'd1:e4:oops1:t2:aa1:y1:ee'],
    ['another kind', 'd1:t2:aa1:y1:xe'],
  ])('whose packet has %s is not heard', (_what, bytes) => {
    expect(readPacket(text(bytes))).toBeNull()
  })

  test('is heard in each kind of message of BEP 5', () => {
    expect(templates('bb').map((each) => readPacket(text(each))?.kind)).toEqual([
      ...Array(4).fill('query'),
      ...Array(4).fill('answer'),
    ])
  })

  test.each([
    ['of one other host', '192.0.2.1', MAX_QUERIES_PER_HOST],
    ['of this machine', host, MAX_QUERIES],
  ])('%s is answered so many times a second: %s, %i', async (_what, address, most) => {
    const clock = virtualClock()
    const socket = await bound()
    const guarded = new GuardedSocket(socket, { clock, onFault: () => {}, onSilence: () => {} })
    let heard = 0
    guarded.on('message', () => heard++)
    const ping = text(query('ping', ''))
    const flood = (): void => {
      for (let n = 0; n < most + 10; n++)
        socket.emit('message', ping, { address, port: 6_881, family: 'IPv4', size: 0 })
    }
    flood()
    expect(heard).toBe(most)
    clock.advance(1_000)
    flood()
    expect(heard).toBe(2 * most)
    guarded.close()
    guarded.close()
  })

  test('is not sent what would hurt others: no low port, nobody’s address, no long datagram', async () => {
    const socket = await bound()
    const sent: string[] = []
    socket.send = (...args: unknown[]) => void sent.push(`${args[4]}:${args[3]}`)
    const guarded = new GuardedSocket(socket, { clock: virtualClock(), onFault: () => {}, onSilence: () => {} })
    const send = (bytes: number, to: string, port: number): void =>
      guarded.send(Buffer.alloc(bytes), 0, bytes, port, to, () => {})
    send(10, '8.8.8.8', 53)
    send(10, '224.0.0.251', 5_353)
    send(10, 'example.org', 6_881)
    send(1_401, '8.8.8.8', 6_881)
    send(1_400, '8.8.8.8', 6_881)
    expect(sent).toEqual(['8.8.8.8:6881'])
    guarded.close()
  })
})

describe('patience', () => {
  const sent = (transaction: string) => ({ transaction, host, port: 6_881 })

  test('is a second at first, then as long as answers take, and ends with the answer', () => {
    const clock = virtualClock()
    const silent: string[] = []
    const patience = new Patience({ clock, onSilence: ({ transaction }) => silent.push(transaction) })
    patience.onSent(sent('one'))
    clock.advance(999)
    expect(silent).toEqual([])
    clock.advance(1)
    expect(silent).toEqual(['one'])
    for (let n = 0; n < 50; n++) {
      patience.onSent(sent(`n${n}`))
      clock.advance(100)
      patience.onAnswer(sent(`n${n}`))
    }
    expect(patience.waitMs).toBeGreaterThan(99)
    expect(patience.waitMs).toBeLessThan(150)
    expect([silent, clock.pending]).toEqual([['one'], 0])
  })

  test('keeps a bounded number of queries, and none after closing', () => {
    const clock = virtualClock()
    const patience = new Patience({ clock, onSilence: () => {} })
    for (let n = 0; n < 1_000; n++) patience.onSent(sent(`n${n}`))
    expect(clock.pending).toBe(256)
    patience.close()
    expect(clock.pending).toBe(0)
  })
})

const EVIL = [
  'l',
  'd',
  'e',
  'i-1e',
  'i0e',
  '0:',
  '-1:',
  '99999:',
  '9:__proto__',
  '1:q',
  'i99999999999999999999e',
  'le',
  'de',
  ':',
  'i7e',
  '3:abc',
  'l1:ae',
  'd1:ai1ee',
  'l-3:',
]

/** A packet that is right, or was before up to four changes. */
function hostile(random: Random): Buffer {
  const transaction = String.fromCharCode(random.below(8), random.below(256))
  const all = templates(transaction)
  let bytes = text(all[random.below(all.length)] ?? '')
  for (let changes = random.below(5); changes > 0; changes--) bytes = changed(bytes, random)
  return bytes
}

function changed(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1)
  const to = Math.min(bytes.length, at + random.below(12))
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)]
  switch (random.below(8)) {
    case 0:
      return Buffer.concat([before, after])
    case 1:
      return Buffer.concat([before, part, part, after])
    case 2:
      return Buffer.concat([before, text(EVIL[random.below(EVIL.length)] ?? ''), after])
    case 3:
      return Buffer.from(before)
    case 4:
      return Buffer.concat([before, Buffer.from(random.bytes(part.length)), after])
    // Two keys changed for one another: right in form, wrong in kind.
    case 5:
      return text(bytes.toString('latin1').replace(/1:[aertqy]/, `1:${'aertqy'[random.below(6)]}`))
    default:
      return withOtherValue(bytes, random)
  }
}

/** One string or number of the packet is another value: right in form, wrong in type or size. */
function withOtherValue(bytes: Buffer, random: Random): Buffer {
  const found = [...bytes.toString('latin1').matchAll(/(\d+):|i\d+e/g)]
  const match = found[random.below(Math.max(found.length, 1))]
  if (!match) return bytes
  const end = match.index + match[0].length + Number(match[1] ?? 0)
  const other = text(EVIL[random.below(EVIL.length)] ?? '')
  return Buffer.concat([bytes.subarray(0, match.index), other, bytes.subarray(end)])
}
