import { createSocket } from 'node:dgram'
import { describe, expect, test } from 'vitest'
import { createBootstrapServer, hyperdht } from '../src/index.js'
import { freshTopic, nextCandidate, wishOf } from './support/wish.js'

describe('a bootstrap server', () => {
  test.each(['127.0.0.1', 'localhost', '0.0.0.0', undefined])(
    'on %s works at once for nodes on this machine',
    async (host) => {
      const server = await createBootstrapServer(host === undefined ? {} : { host })
      expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/)
      const options = { bootstrap: [server.address], host: '127.0.0.1', port: 0 }
      const [a, b] = [hyperdht(options), hyperdht(options)]
      const topic = freshTopic()
      a.join(topic, wishOf(4_001))
      expect((await nextCandidate(b.join(topic, wishOf(4_002)))).addresses).toMatchObject([
        { port: 4_001 },
        { scheme: 'hyper' },
      ])
      await Promise.all([a.close(), b.close()])
      await Promise.all([server.close(), server.close()])
    },
  )

  test('keeps a port that was asked for, and refuses one that is taken', async () => {
    const holder = createSocket('udp4')
    await new Promise<void>((resolve) => holder.bind(0, '127.0.0.1', resolve))
    const { port } = holder.address()
    const taken = createBootstrapServer({ host: '127.0.0.1', port })
    await expect(taken).rejects.toMatchObject({ code: 'ERR_PORT_TAKEN' })
    await new Promise<void>((resolve) => holder.close(() => resolve()))
    const server = await createBootstrapServer({ host: '127.0.0.1', port })
    expect(server.address).toBe(`127.0.0.1:${port}`)
    await server.close()
  })

  test('refuses a host that this machine does not have, and one that is no IPv4 address', async () => {
    await expect(createBootstrapServer({ host: '203.0.113.1' })).rejects.toMatchObject({ code: 'ERR_HOST' })
    await expect(createBootstrapServer({ host: '2001:db8::1' })).rejects.toMatchObject({ code: 'ERR_HOST' })
    await expect(createBootstrapServer({ nodes: 1 })).rejects.toThrow(TypeError)
  })
})
