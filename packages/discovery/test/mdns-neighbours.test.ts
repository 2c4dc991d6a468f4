// What a node makes of neighbours that lie, invent and repeat, in virtual time.

import { createTopic, saltedTopicHash } from '@hearsay/core'
import { describe, expect, test } from 'vitest'
import { type MdnsInstance, type MdnsResponse, toPacket } from '../src/machine.js'
import { Lan, type LanNode } from './support/lan.js'

const lobby = createTopic('lobby')
const salt = new Uint8Array(16).fill(7)

function instanceOf(label: string, topic = lobby, port = 4_000): MdnsInstance {
  return { label: label.padStart(16, '0'), port, salt, hashes: [saltedTopicHash(topic, salt)], ttlMs: 120_000 }
}

function response(instances: readonly MdnsInstance[], goodbyes: readonly string[] = []): MdnsResponse {
  return { kind: 'response', instances, goodbyes }
}

describe('hostile neighbours', () => {
  const invented = (i: number): MdnsInstance => ({ ...instanceOf(i.toString(16)), hashes: [new Uint8Array(8).fill(1)] })
  const say = (a: LanNode, source: string, instance: MdnsInstance, here = false): unknown =>
    a.feed({ type: 'message', interface: 'eth0', source, here, message: response([instance]) })

  test('of one machine are remembered 64 at a time, those with a topic of ours before the others', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    say(a, '10.0.0.66', instanceOf('a', lobby, 4_002))
    for (let i = 0; i < 100; i++) {
      lan.clock.advance(200)
      say(a, '10.0.0.66', invented(i + 256))
      if (i >= 61 && i <= 63) expect(a.machine.neighbours).toBe(Math.min(i + 2, 64))
    }
    const goodbye = response([], [instanceOf('a').label])
    a.feed({ type: 'message', interface: 'eth0', source: '10.0.0.66', message: goodbye })
    expect(a.of('lost')).toMatchObject([{ host: '10.0.0.66', port: 4_002 }])
  })

  test('are remembered 1,024 at a time, and the oldest makes room', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    for (let i = 0; i < 2_000; i++) {
      say(a, `10.0.${i >> 6}.1`, invented(i))
      if (i >= 1_022 && i <= 1_024) expect(a.machine.neighbours).toBe(Math.min(i + 1, 1_024))
    }
    expect(a.machine.neighbours).toBe(1_024)
  })

  test('of one machine are looked at 64 at once and 8 a second, and cost the others nothing', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    for (let i = 0; i < 10_000; i++) say(a, '10.0.0.66', instanceOf(i.toString(16), lobby, 1_024 + i))
    expect(a.of('candidate')).toHaveLength(64)
    lan.clock.advance(1_000)
    for (let i = 10_000; i < 20_000; i++) say(a, '10.0.0.66', instanceOf(i.toString(16), lobby, 1_024 + i))
    expect(a.of('candidate')).toHaveLength(64 + 8)
    say(a, '10.0.0.2', instanceOf('b', lobby, 4_002))
    expect(a.of('candidate').at(-1)).toMatchObject({ host: '10.0.0.2', port: 4_002 })
  })

  test('at 10,000 invented addresses leave bounded state, and an honest one among them is found', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    for (let i = 0; i < 10_000; i++) {
      say(a, `fe80::${i.toString(16)}%eth0`, invented(i))
      if (i === 5_000) say(a, '10.0.0.2', instanceOf('b', lobby, 4_002))
    }
    expect(a.machine.neighbours).toBe(1_024)
    expect(a.of('candidate')).toMatchObject([{ host: '10.0.0.2', port: 4_002 }])
  })

  test('on this machine may be many nodes: only what all may say together is a limit', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    for (let i = 0; i < 10_000; i++) say(a, '127.0.0.1', instanceOf(i.toString(16), lobby, 1_024 + i), true)
    expect(a.of('candidate')).toHaveLength(8_192)
    lan.clock.advance(1_000)
    say(a, '127.0.0.1', instanceOf('ffffff', lobby, 4_002), true)
    expect(a.of('candidate').at(-1)).toMatchObject({ port: 4_002 })
  })

  test('that repeat themselves cost no hash, and one that says something else under its label does', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    for (let i = 0; i < 1_000; i++) say(a, '10.0.0.2', instanceOf('b', lobby, 4_002))
    expect(a.of('candidate')).toHaveLength(1_000)
    for (let i = 0; i < 1_000; i++) say(a, '10.0.0.2', instanceOf('b', lobby, 5_000 + i))
    expect(a.of('candidate')).toHaveLength(1_000 + 63)
  })

  test('cannot name another host: the source of the packet is who is dialled, but for loopback addresses of this machine', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    const hear = (source: string, address: string): string | undefined => {
      const { label } = instanceOf('b')
      a.hear(source, toPacket(response([instanceOf('b', lobby, 4_002)]), address))
      a.hear(source, toPacket(response([], [label]), address))
      return a.of('candidate').at(-1)?.host
    }
    expect(hear('10.0.0.66', '10.0.0.2')).toBe('10.0.0.66')
    expect(hear('10.0.0.66', '127.0.0.1')).toBe('10.0.0.66')
    expect(hear('10.0.0.66', '::1')).toBe('10.0.0.66')
    expect(hear('127.0.0.1', '10.0.0.2')).toBe('127.0.0.1')
    expect(hear('127.0.0.1', '::1')).toBe('::1')
    expect(hear('127.0.0.1', '127.9.9.9')).toBe('127.9.9.9')
  })

  test('cannot say goodbye for somebody else', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    const victim = instanceOf('a')
    a.feed({ type: 'message', interface: 'eth0', source: '10.0.0.2', message: response([victim]) })
    a.feed({ type: 'message', interface: 'eth0', source: '10.0.0.66', message: response([], [victim.label]) })
    expect(a.of('lost')).toEqual([])
    a.feed({ type: 'message', interface: 'eth0', source: '10.0.0.2', message: response([], [victim.label]) })
    expect(a.of('lost')).toHaveLength(1)
  })

  test('cannot make a node its own candidate by repeating its packets', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: true })
    lan.clock.advance(2_000)
    for (const { packet } of [...lan.sent]) a.hear('10.0.0.66', packet)
    expect(a.of('candidate')).toEqual([])
  })
})
