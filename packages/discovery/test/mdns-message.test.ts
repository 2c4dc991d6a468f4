import { hostname } from 'node:os'
import { createTopic, seededRandom } from '@hearsay/core'
import { describe, expect, test } from 'vitest'
import { fromPacket, type MdnsMessage, toPacket } from '../src/machine.js'
import { codec } from './support/codec.js'
import { Lan } from './support/lan.js'

const random = seededRandom(11)
const labelOf = (): string => Buffer.from(random.bytes(8)).toString('hex')

function announcement(topics: number): MdnsMessage & { kind: 'response' } {
  const hashes = Array.from({ length: topics }, () => random.bytes(8))
  const instance = { label: labelOf(), port: 4_000, salt: random.bytes(16), hashes, ttlMs: 120_000 }
  return { kind: 'response', instances: [instance], goodbyes: [labelOf()] }
}

const overTheWire = (message: MdnsMessage, address = '10.0.0.1'): MdnsMessage | null =>
  fromPacket(codec.decode(codec.encode(toPacket(message, address))))

describe('a message', () => {
  test.each([0, 1, 15, 16, 17, 31, 32])('about %i topics arrives as it was sent, over IPv4 and IPv6', (topics) => {
    const sent = announcement(topics)
    expect(overTheWire(sent)).toEqual(sent)
    expect(overTheWire(sent, 'fe80::1%eth0')).toEqual(sent)
  })

  test('that asks arrives as it was sent', () => {
    const sent: MdnsMessage = { kind: 'query', known: [labelOf(), labelOf()] }
    expect(overTheWire(sent)).toEqual(sent)
  })

  test('of any size fits a packet of 1,232 bytes', () => {
    const goodbyes = { kind: 'response', instances: [], goodbyes: Array.from({ length: 8 }, labelOf) } as const
    const query = { kind: 'query', known: Array.from({ length: 50 }, labelOf) } as const
    for (const message of [announcement(32), goodbyes, query]) {
      expect(codec.encode(toPacket(message, 'fe80::ffff:ffff:ffff:ffff')).byteLength).toBeLessThanOrEqual(1_232)
    }
  })

  test('has the bytes that docs/wire.md says', () => {
    const instance = { label: '0123456789abcdef', port: 4_000, salt: new Uint8Array(16).fill(1), ttlMs: 120_000 }
    const hashes = [new Uint8Array(8).fill(2)]
    const packet = toPacket({ kind: 'response', instances: [{ ...instance, hashes }], goodbyes: [] }, '10.0.0.1')
    const service = '085f68656172736179045f756470056c6f63616c00'
    const label = `10${Buffer.from(instance.label).toString('hex')}`
    const target = `${label}056c6f63616c00`
    expect(codec.encode(packet).toString('hex')).toBe(
      [
        '000084000000000400000000',
        `${service}000c0001000000780026${label}${service}`,
        `${label}${service}0021800100000078001e000000000fa0${target}`,
        `${label}${service}0010800100000078002303763d3112733d${'01'.repeat(16)}0b74303d${'02'.repeat(8)}`,
        `${target}000180010000007800040a000001`,
      ].join(''),
    )
  })
})

describe('what is not ours', () => {
  const good = toPacket(announcement(2), '10.0.0.1')
  const without = (type: string): unknown => ({ ...good, answers: good.answers.filter((a) => a.type !== type) })
  const withRecord = (type: string, change: object): unknown => ({
    ...good,
    answers: good.answers.map((a) => (a.type === type ? { ...a, ...change } : a)).slice(0, 4),
  })

  test.each([
    ['nothing', undefined],
    ['a number', 7],
    ['no lists', { type: 'response' }],
    ['holes', { type: 'response', answers: new Array(10) }],
    ['another service', { type: 'query', questions: [{ name: '_http._tcp.local', type: 'PTR' }] }],
    ['no SRV', { ...(without('SRV') as object), answers: (without('SRV') as typeof good).answers.slice(0, 3) }],
    ['port 0', withRecord('SRV', { data: { port: 0 } })],
    ['port 65536', withRecord('SRV', { data: { port: 65_536 } })],
    ['a TXT that is text', withRecord('TXT', { data: 'v=1' })],
    ['version 2', withRecord('TXT', { data: [Buffer.from('v=2'), Buffer.from(`s=${'x'.repeat(16)}`)] })],
    ['a short salt', withRecord('TXT', { data: [Buffer.from('v=1'), Buffer.from('s=x')] })],
    ['a long label', withRecord('PTR', { data: `${'0'.repeat(17)}._hearsay._udp.local` })],
  ])('is ignored: %s', (_what, packet) => {
    expect(fromPacket(packet)).toBeNull()
  })
})

describe('privacy: packets', () => {
  test('contain no topic name, no key, no id, no host name, and nothing that stays over the hour', () => {
    const lan = new Lan()
    const topic = createTopic('a-name-to-look-for')
    lan.add('10.0.0.1', 5).start().join(1, topic, { port: 4_001, lookup: true })
    lan.clock.advance(3_599_000)
    const before = lan.sent.length
    lan.clock.advance(3_600_000)
    // A goodbye names the label that it ends, once, at the turn of the hour.
    const isGoodbye = (sent: (typeof lan.sent)[number]): boolean => sent.packet.answers.some(({ ttl }) => ttl === 0)
    const bytesOf = (list: typeof lan.sent): Buffer[] =>
      list.filter((sent) => !isGoodbye(sent)).map(({ packet }) => codec.encode(packet))
    const [first, second] = [bytesOf(lan.sent.slice(0, before)), bytesOf(lan.sent.slice(before + 40))]
    const all = Buffer.concat([...first, ...second])
    for (const secret of [topic.name ?? '', topic.id, hostname()]) expect(all.includes(secret)).toBe(false)
    for (const secret of [topic.key, topic.idBytes]) expect(all.includes(Buffer.from(secret))).toBe(false)

    const announced = (list: Buffer[]): Set<string> =>
      new Set(list.flatMap((bytes) => identifiersIn(fromPacket(codec.decode(bytes)))))
    const old = announced(first)
    expect(old.size).toBeGreaterThan(2)
    expect(second.length).toBeGreaterThan(10)
    expect([...announced(second)].filter((id) => old.has(id))).toEqual([])
  })
})

function identifiersIn(message: MdnsMessage | null): string[] {
  if (message?.kind === 'query') return [...message.known]
  return (message?.instances ?? []).flatMap(({ label, salt, hashes }) => [
    label,
    ...[salt, ...hashes].map((bytes) => Buffer.from(bytes).toString('hex')),
  ])
}
