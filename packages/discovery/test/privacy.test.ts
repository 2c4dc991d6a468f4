// What a listener on the network sees of a topic: nothing that is the topic, and something else every day.

import { createSocket } from 'node:dgram'
import { createTopic, type Discovery, discoveryKeys, systemClock } from '@hearsay/core'
import { expect, test } from 'vitest'
import { hyperdht, mainline } from '../src/index.js'
import { wishOf } from './support/wish.js'

const host = '127.0.0.1'
const kinds: [string, (bootstrap: string, wallMs: number) => Discovery, number][] = [
  ['hyperdht', (bootstrap, at) => hyperdht({ host, port: 0, bootstrap: [bootstrap], clock: clockAt(at) }), 32],
  ['mainline', (bootstrap, at) => mainline({ host, bootstrap: [bootstrap], clock: clockAt(at) }), 20],
]

const clockAt = (wallMs: number) => ({ ...systemClock(), wall: () => wallMs })

test.each(kinds)(
  '%s asks for a hash of the day, and never says name, id or key of the topic',
  async (_kind, create, bytes) => {
    const topic = createTopic('the name of the topic')
    const hex = (part: Uint8Array): string => Buffer.from(part).toString('hex')
    const days = [Date.UTC(2025, 5, 15, 12), Date.UTC(2025, 5, 16, 12)] as const
    const keys = days.map((at) => hex((discoveryKeys(topic, at)[0] ?? new Uint8Array()).subarray(0, bytes)))
    expect(keys[0]).not.toBe(keys[1])
    for (const [day, at] of days.entries()) {
      const heard: string[] = []
      const listener = createSocket('udp4')
      listener.on('message', (packet) => heard.push(hex(packet)))
      await new Promise<void>((resolve) => listener.bind(0, host, resolve))
      const discovery = create(`${host}:${listener.address().port}`, at)
      discovery.join(topic, wishOf(4_001))
      await expect.poll(() => heard.some((packet) => packet.includes(keys[day] ?? ''))).toBe(true)
      await discovery.close()
      await new Promise<void>((resolve) => listener.close(() => resolve()))
      const secrets = [
        hex(Buffer.from('the name of the topic')),
        hex(topic.idBytes),
        hex(topic.key),
        keys[1 - day] ?? '',
      ]
      expect(secrets.filter((secret) => heard.some((packet) => packet.includes(secret)))).toEqual([])
    }
  },
)
