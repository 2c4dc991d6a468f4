import { networkInterfaces } from 'node:os'
import { type ByteStream, hostAddress, parseAddress } from '@hearsay/core'
import { type LinkFixture, linkConformance, runConformance, transportConformance } from '@hearsay/core/conformance'
import { secureLink } from '@hearsay/transport/noise'
import { UtpSocket, type UtpStream, utp } from '@hearsay/transport/utp'
import { describe, expect, it } from 'vitest'
import { closed, outcome, side } from './fixtures.js'

const nobody = parseAddress('utp://127.0.0.1:1')
/** Where nobody answers, the suites wait no longer than this. */
const limits = { connectTimeoutMs: 300 }

describe('uTP keeps the promises of a transport', () => {
  runConformance({
    test: it,
    suite: transportConformance,
    create: async () => {
      const [near, far] = [utp({ limits }), utp({ limits })]
      const close = async (): Promise<void> => {
        await Promise.all([near.close(), far.close()])
      }
      return { near, far, listen: { host: '127.0.0.1' }, nobody, close }
    },
  })
})

describe('uTP over IPv6 keeps the promises of a transport', () => {
  runConformance({
    test: it,
    suite: transportConformance,
    create: async () => {
      const [near, far] = [utp({ limits }), utp({ limits })]
      const close = async (): Promise<void> => {
        await Promise.all([near.close(), far.close()])
      }
      return { near, far, listen: { host: '::1' }, nobody: parseAddress('utp://[::1]:1'), close }
    },
  })
})

describe('uTP as one transport for both sides, on all interfaces, keeps the promises of a transport', () => {
  runConformance({
    test: it,
    suite: transportConformance.filter(({ name }) => name !== 'rejects to listen where somebody does'),
    create: async () => {
      const both = utp({ limits })
      return { near: both, far: both, nobody, close: () => both.close() }
    },
  })
})

/** Two ends of a connection over loopback, the first of which has dialled. */
async function streamPair(): Promise<readonly [UtpStream, UtpStream]> {
  const [near, far] = await Promise.all([1, 2].map(() => UtpSocket.bind({ host: '127.0.0.1', allowHalfOpen: false })))
  if (!near || !far) throw new Error('bound')
  const accepted = new Promise<UtpStream>((resolve) => near.accept(resolve))
  const streams = [await far.connect(near.address), await accepted] as const
  for (const socket of [near, far]) socket.release()
  return streams
}

async function links([near, far]: readonly [UtpStream, UtpStream]): Promise<LinkFixture> {
  const [a, b] = await Promise.all([secureLink(near, side(true)), secureLink(far, side(false))])
  const close = async (): Promise<void> => {
    await Promise.all([a.close(), b.close()])
  }
  return { a, b, close }
}

describe('a secured link over uTP keeps the promises of a link', () => {
  runConformance({ test: it, create: async () => links(await streamPair()), suite: linkConformance })
})

describe('a secured link over uTP, begun by who accepted, keeps the promises of a link', () => {
  const create = async (): Promise<LinkFixture> => {
    const [dialled, accepted] = await streamPair()
    return links([accepted, dialled])
  }
  runConformance({ test: it, create, suite: linkConformance })
})

describe('uTP', () => {
  it('tells one dialable address for each interface and family, never a wildcard', async () => {
    const transport = utp()
    const { addresses } = await transport.listen({}, () => {})
    const hosts = addresses.map(({ host }) => host)
    expect(hosts).toContain('127.0.0.1')
    expect(hosts.filter((host) => ['0.0.0.0', '::'].includes(host) || host.startsWith('fe80'))).toEqual([])
    expect(hosts.length).toBeLessThanOrEqual(2 * Object.keys(networkInterfaces()).length)
    await transport.close()
  })

  it('dials host names and tells where a stream came from in plain IPv4', async () => {
    const transport = utp()
    const sources: (string | undefined)[] = []
    const { addresses } = await transport.listen({}, ({ stream, address }) => {
      sources.push(address?.host)
      stream.end()
    })
    const port = addresses[0]?.port ?? 0
    for (const host of ['localhost', '127.0.0.1']) {
      const stream = await transport.dial(hostAddress('utp', host, port))
      await new Promise<void>((resolve) => {
        stream.on('close', resolve)
        stream.resume()
      })
    }
    expect(sources).toHaveLength(2)
    expect(sources[1]).toBe('127.0.0.1')
    await transport.close()
  })

  it('rejects with ERR_DIAL for a name that does not exist and for a scheme that is not its own', async () => {
    const transport = utp()
    expect(await outcome(transport.dial(parseAddress('utp://does-not-exist.invalid:1')))).toMatchObject({
      code: 'ERR_DIAL',
    })
    expect(await outcome(transport.dial(parseAddress('tcp://127.0.0.1:1')))).toMatchObject({ code: 'ERR_DIAL' })
    await transport.close()
  })

  it('rejects with ERR_LISTEN for a host that is not of this machine', async () => {
    const transport = utp()
    expect(await outcome(transport.listen({ host: '192.0.2.1' }, () => {}))).toMatchObject({ code: 'ERR_LISTEN' })
    await transport.close()
  })

  it('listens at its port again at once, while a remote may still ask for its last word', async () => {
    const [near, far] = [utp(), utp()]
    const host = '127.0.0.1'
    let port = 0
    for (const round of [1, 2]) {
      let onStream: (stream: ByteStream) => void = () => {}
      const accepted = new Promise<ByteStream>((resolve) => {
        onStream = resolve
      })
      const listener = await near.listen({ host, port }, ({ stream }) => onStream(stream))
      const [address] = listener.addresses
      if (round === 2) expect(address?.port).toBe(port)
      port = address?.port ?? 0
      const [dialled, there] = await Promise.all([far.dial(hostAddress('utp', host, port)), accepted])
      const ends = [dialled, there].map(closed)
      for (const stream of [dialled, there]) stream.resume()
      // It says goodbye first, and so has the last word.
      there.end()
      await Promise.all(ends)
      await listener.close()
    }
    await Promise.all([near.close(), far.close()])
  })

  it('rejects what is being dialled when it closes', async () => {
    const transport = utp()
    const dialling = outcome(transport.dial(parseAddress('utp://127.255.255.254:9')))
    await transport.close()
    expect(await dialling).toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('closes both halves when the other side ends', async () => {
    const transport = utp()
    const { addresses } = await transport.listen({ host: '127.0.0.1' }, ({ stream }) => {
      stream.resume()
    })
    const [address] = addresses
    if (!address) throw new Error('listening')
    const stream = await transport.dial(address)
    stream.resume()
    stream.end()
    await new Promise<void>((resolve) => stream.on('close', resolve))
    await transport.close()
  })
})
