import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Address, type ByteStream, createIdentity, hostAddress, parseAddress, type Transport } from '@hearsay/core'
import { type LinkFixture, linkConformance, runConformance, transportConformance } from '@hearsay/core/conformance'
import { virtualClock } from '@hearsay/core/memory'
import { createPool, type Pool } from '@hearsay/transport'
import { secureLink } from '@hearsay/transport/noise'
import { type WebSocketOptions, websocket } from '@hearsay/transport/ws'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { runChild } from '../../core/test/child.js'
import { closed, exchange, outcome, side } from './fixtures.js'

const nobody = parseAddress('ws://127.0.0.1:1/')
const open: Transport[] = []

function transport(options?: WebSocketOptions): Transport {
  const made = websocket(options)
  open.push(made)
  return made
}

interface Listening {
  readonly address: Address
  /** Each stream from its first byte, upgraded or not. */
  readonly streams: ByteStream[]
  readonly next: () => Promise<ByteStream>
}

async function listening(options?: WebSocketOptions): Promise<Listening> {
  const streams: ByteStream[] = []
  let tell: (stream: ByteStream) => void = () => {}
  const next = (): Promise<ByteStream> =>
    new Promise((resolve) => {
      tell = resolve
    })
  const { addresses } = await transport(options).listen({ host: '127.0.0.1' }, ({ stream }) => {
    streams.push(stream)
    tell(stream)
  })
  const [address] = addresses
  if (!address) throw new Error('listening')
  return { address, streams, next }
}

async function streamPair(): Promise<readonly [ByteStream, ByteStream]> {
  const { address, next } = await listening()
  const accepted = next()
  return [await transport().dial(address), await accepted]
}

/** What a server says to those bytes, until it closes. */
function say(port: number, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let heard = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      heard += chunk
    })
    socket.on('close', () => resolve(heard))
  })
}

const upgrade = (lines: readonly string[] = [], path = '/'): string =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ...lines,
    '\r\n',
  ].join('\r\n')

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

describe('WebSocket keeps the promises of a transport', () => {
  runConformance({
    test: it,
    suite: transportConformance,
    create: async () => {
      const [near, far] = [websocket(), websocket()]
      const close = async (): Promise<void> => {
        await Promise.all([near.close(), far.close()])
      }
      return { near, far, listen: { host: '127.0.0.1' }, nobody, close }
    },
  })
})

describe('WebSocket as one transport for both sides, on all interfaces, keeps the promises of a transport', () => {
  runConformance({
    test: it,
    suite: transportConformance.filter(({ name }) => name !== 'rejects to listen where somebody does'),
    create: async () => {
      const both = websocket()
      return { near: both, far: both, nobody, close: () => both.close() }
    },
  })
})

for (const [who, reverse] of [
  ['whoever dialled', false],
  ['whoever accepted', true],
] as const) {
  describe(`a secured link over WebSocket, begun by ${who}, keeps the promises of a link`, () => {
    const create = async (): Promise<LinkFixture> => {
      const [dialled, accepted] = await streamPair()
      const [near, far] = reverse ? [accepted, dialled] : [dialled, accepted]
      const [a, b] = await Promise.all([secureLink(near, side(true)), secureLink(far, side(false))])
      const close = async (): Promise<void> => {
        await Promise.all([a.close(), b.close()])
      }
      return { a, b, close }
    }
    runConformance({ test: it, create, suite: linkConformance })
  })
}

describe('a WebSocket stream', () => {
  it('carries 20 MB each way at once under Noise', async () => {
    const [dialled, accepted] = await streamPair()
    const [a, b] = await Promise.all([secureLink(dialled, side(true)), secureLink(accepted, side(false))])
    expect(await Promise.all([exchange(a, 20_000_000), exchange(b, 20_000_000)])).toEqual([true, true])
    await a.close()
  })

  it('carries a hundred thousand writes of one byte', async () => {
    const [dialled, accepted] = await streamPair()
    let [received, sum] = [0, 0]
    const done = new Promise<void>((resolve) =>
      accepted.on('data', (chunk) => {
        received += chunk.byteLength
        for (const byte of chunk) sum += byte
        if (received === 100_000) resolve()
      }),
    )
    for (let index = 0; index < 100_000; index++) dialled.write(Uint8Array.of(index % 10))
    await done
    expect(sum).toBe(450_000)
  })

  it('lets a reader that stopped bound what is in memory, and then have everything', async () => {
    const [dialled, accepted] = await streamPair()
    accepted.pause()
    const total = 32 * 1024 * 1024
    const chunk = new Uint8Array(64 * 1024)
    let [sent, received] = [0, 0]
    const send = (): void => {
      while (sent < total) {
        sent += chunk.byteLength
        if (!dialled.write(chunk)) return
      }
      dialled.end()
    }
    dialled.on('drain', send)
    send()
    // Once both ends and the system between them are full, nothing moves: two looks a while apart show the same.
    let seen = -1
    while (seen !== sent) {
      seen = sent
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(sent).toBeLessThan(total)
    const ended = new Promise<void>((resolve) => accepted.on('end', resolve))
    accepted.on('data', ({ byteLength }) => {
      received += byteLength
    })
    accepted.resume()
    await ended
    expect(received).toBe(total)
  })

  it('can still be read to its end when we write after the remote has ended', async () => {
    const [dialled, accepted] = await streamPair()
    accepted.pause()
    for (let index = 0; index < 3; index++) dialled.write(new Uint8Array(1_000))
    dialled.end()
    let received = 0
    accepted.on('data', ({ byteLength }) => {
      received += byteLength
      accepted.write(Uint8Array.of(1))
    })
    accepted.resume()
    await closed(accepted)
    expect(received).toBe(3_000)
  })

  it('ends when the remote sends text', async () => {
    const { address, next } = await listening()
    const accepted = next()
    const browser = new WebSocket(`ws://127.0.0.1:${address.port}/`)
    browser.on('open', () => browser.send('hello'))
    const code = new Promise((resolve) => browser.on('close', resolve))
    await closed(await accepted)
    expect([1003, 1006]).toContain(await code)
  })

  it('takes a message of 64 KiB and ends at the header of one byte more', async () => {
    const { address, next } = await listening()
    const accepted = next()
    const browser = new WebSocket(`ws://127.0.0.1:${address.port}/`, { perMessageDeflate: false })
    const stream = await accepted
    let received = 0
    stream.on('data', ({ byteLength }) => {
      received += byteLength
      if (received === 65_536) browser.send(new Uint8Array(65_537))
    })
    browser.on('open', () => browser.send(new Uint8Array(65_536)))
    browser.on('error', () => {})
    await closed(stream)
    expect(received).toBe(65_536)
  })

  it('does not negotiate compression', async () => {
    const { address } = await listening()
    const browser = new WebSocket(`ws://127.0.0.1:${address.port}/`)
    await new Promise((resolve) => browser.on('open', resolve))
    expect(browser.extensions).toBe('')
    browser.terminate()
  })
})

describe('a WebSocket listener', () => {
  it('answers at its path alone, which stands in its addresses', async () => {
    const { address, next } = await listening({ path: '/gossip' })
    expect(address.path).toBe('/gossip')
    expect(await outcome(transport().dial({ ...address, path: '/' }))).toMatchObject({ code: 'ERR_DIAL' })
    const accepted = next()
    const stream = await transport().dial(address)
    stream.write(Uint8Array.of(7))
    const chunk = await accepted.then((each) => new Promise<Uint8Array>((resolve) => each.on('data', resolve)))
    expect([...chunk]).toEqual([7])
  })

  it('tells a plain HTTP request what is spoken here, and closes', async () => {
    const { address, streams } = await listening()
    const answer = await say(address.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 426 /)
    expect(answer.toLowerCase()).toContain('upgrade: websocket')
    expect(await say(address.port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n')).toMatch(/ 426 /)
    await Promise.all(streams.map((stream) => (stream as Socket).destroyed || closed(stream)))
  })

  it.each([
    ['bytes that are no HTTP', Uint8Array.from({ length: 300 }, (_, at) => (at * 37) % 256), ''],
    ['a request head that never ends', `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(20_000)}`, ''],
    ['a header beyond the limit', upgrade([`Cookie: ${'x'.repeat(9_000)}`]), ''],
    ['another path', upgrade([], '/admin'), 'HTTP/1.1 404 '],
    ['an upgrade to something else', upgrade().replace('Upgrade: websocket', 'Upgrade: h2c'), 'HTTP/1.1 400 '],
    ['an upgrade without a key', upgrade().replace(/Sec-WebSocket-Key.*\r\n/, ''), 'HTTP/1.1 400 '],
    ['another version', upgrade().replace('Version: 13', 'Version: 99'), 'HTTP/1.1 400 '],
    ['a tunnel', 'CONNECT example.org:80 HTTP/1.1\r\nHost: x\r\n\r\n', ''],
  ])('closes after %s, and serves the next', async (_what, bytes, answer) => {
    const { address, next } = await listening()
    expect(await say(address.port, bytes)).toMatch(answer === '' ? /^$/ : new RegExp(`^${answer}`))
    const accepted = next()
    await transport().dial(address)
    expect(await accepted).toBeTruthy()
  })

  it.each([
    ['a frame that is not masked', Uint8Array.of(0x82, 1, 0)],
    ['a reserved opcode', Uint8Array.of(0x83, 0x80, 0, 0, 0, 0)],
    ['reserved bits', Uint8Array.of(0xf2, 0x80, 0, 0, 0, 0)],
    ['a length of 2^63', Uint8Array.of(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
    ['a continuation of nothing', Uint8Array.of(0x80, 0x80, 0, 0, 0, 0)],
    ['a long ping', Uint8Array.of(0x89, 0xfe, 1, 0, 0, 0, 0, 0)],
  ])('ends a stream after %s', async (_what, frame) => {
    const { address, next } = await listening()
    const accepted = next()
    void say(address.port, Buffer.concat([Buffer.from(upgrade()), frame]))
    const stream = await accepted
    stream.on('data', () => {})
    await closed(stream)
  })

  it('survives random bytes after the upgrade, and before', async () => {
    const { address, streams } = await listening()
    for (let round = 0; round < 60; round++) {
      const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(1 + (round % 50) * 6)))
      const socket = connect(address.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.end(round % 2 ? noise : Buffer.concat([Buffer.from(upgrade()), noise]))
      socket.resume()
      await new Promise((resolve) => socket.on('close', resolve))
    }
    expect(streams).toHaveLength(60)
  })

  it('gives up in three seconds on a remote that does not upgrade, however it drips', async () => {
    const clock = virtualClock()
    const { address, next } = await listening({ clock })
    const accepted = next()
    const socket = connect(address.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nX: ')
    const gone = closed(await accepted)
    socket.write('a')
    await clock.play(3_000)
    await gone
    expect(clock.pending).toBe(0)
  })

  it('lets go of who has not upgraded when the stream is refused, and when it closes', async () => {
    const near = transport()
    const { addresses } = await near.listen({ host: '127.0.0.1' }, ({ stream }) => stream.destroy())
    expect(await outcome(transport().dial(addresses[0] as Address))).toMatchObject({ code: 'ERR_DIAL' })
    const { address, next } = await listening()
    const accepted = next()
    const socket = connect(address.port, '127.0.0.1')
    socket.on('error', () => {})
    const gone = closed(await accepted)
    await Promise.all(open.splice(0).map((each) => each.close()))
    await Promise.all([gone, new Promise((resolve) => socket.on('close', resolve))])
  })

  it('lives on when a remote resets at any point of the upgrade', async () => {
    const { address, next } = await listening()
    const whole = upgrade()
    for (let at = 0; at <= whole.length; at += 25) {
      const accepted = next()
      const socket = connect(address.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(whole.slice(0, at))
      const stream = await accepted
      stream.resume()
      socket.resetAndDestroy()
      if (!(stream as Socket).destroyed) await closed(stream)
    }
  })
})

describe('dialling a WebSocket', () => {
  /** A server that treats each connection as it likes. */
  async function server(onSocket: (socket: Socket) => void): Promise<Address> {
    const made = createServer((socket) => {
      socket.on('error', () => {})
      onSocket(socket)
    })
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
    made.unref()
    return hostAddress('ws', '127.0.0.1', (made.address() as { port: number }).port)
  }

  it.each([
    ['closes at once', (socket: Socket) => void socket.end()],
    ['resets', (socket: Socket) => void socket.resetAndDestroy()],
    ['speaks no HTTP', (socket: Socket) => void socket.write('hearsay\n')],
    ['redirects', (socket: Socket) => void socket.write('HTTP/1.1 302 Found\r\nLocation: ws://x:1/\r\n\r\n')],
    [
      'sends headers without end',
      (socket: Socket) => void socket.write(`HTTP/1.1 101 OK\r\n${'X: y\r\n'.repeat(9_000)}`),
    ],
    [
      'answers with a wrong key',
      (socket: Socket) =>
        void socket.write(
          'HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n',
        ),
    ],
  ])('rejects with ERR_DIAL when the server %s, and leaves no socket', async (_what, treat) => {
    let gone: Promise<void> = Promise.resolve()
    const address = await server((socket) => {
      gone = closed(socket)
      socket.resume()
      treat(socket)
    })
    expect(await outcome(transport().dial(address))).toMatchObject({ code: 'ERR_DIAL', cause: expect.anything() })
    await gone
  })

  it('gives up in three seconds on a server that is silent', async () => {
    const clock = virtualClock()
    let arrived: (socket: Socket) => void = () => {}
    const socket = new Promise<Socket>((resolve) => {
      arrived = resolve
    })
    const address = await server((each) => arrived(each.resume()))
    const result = outcome(transport({ clock }).dial(address))
    const gone = closed(await socket)
    await clock.play(3_000)
    expect(await result).toMatchObject({ code: 'ERR_DIAL' })
    await gone
    expect(clock.pending).toBe(0)
  })

  it('leaves no socket when it is aborted after the connection is there', async () => {
    const controller = new AbortController()
    let gone: Promise<void> = Promise.resolve()
    const address = await server((socket) => {
      gone = closed(socket.resume())
      controller.abort()
    })
    expect(await outcome(transport().dial(address, controller))).toMatchObject({ code: 'ERR_ABORTED' })
    await gone
  })

  it('rejects with ERR_DIAL for an address that is no URL and for another scheme', async () => {
    for (const text of ['ws://[fe80::1%25eth0]:1/', 'tcp://127.0.0.1:1', 'wss://127.0.0.1:1/']) {
      const address = text.startsWith('ws:') ? hostAddress('ws', 'fe80::1%eth0', 1) : parseAddress(text)
      expect(await outcome(transport().dial(address))).toMatchObject({ code: 'ERR_DIAL' })
    }
  })

  it('of scheme wss speaks TLS with a server whose certificate it was given, and with no other', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hearsay-tls-'))
    const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    execFileSync('openssl', ['req', '-x509', ...curve, ...name, '-keyout', keyFile, '-out', certFile], {
      stdio: 'ignore',
    })
    const [key, ca] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')]
    rmSync(directory, { recursive: true })
    const https = createHttpsServer({ key, cert: ca })
    const echo = new WebSocketServer({ server: https })
    echo.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
    await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve))
    const address = hostAddress('wss', 'localhost', (https.address() as { port: number }).port)
    expect(await outcome(transport({ scheme: 'wss' }).dial(address))).toMatchObject({ code: 'ERR_DIAL' })
    const stream = await transport({ scheme: 'wss', ca }).dial(address)
    const heard = new Promise((resolve) => stream.on('data', (chunk) => resolve([...chunk])))
    stream.write(Uint8Array.of(1, 2))
    expect(await heard).toEqual([1, 2])
    stream.destroy()
    https.close()
  })

  it('of scheme wss cannot listen', async () => {
    const made = transport({ scheme: 'wss' })
    expect(made.capabilities.listen).toBe(false)
    expect(await outcome(made.listen({}, () => {}))).toMatchObject({ code: 'ERR_LISTEN' })
  })

  it('throws for a path that does not begin with a slash', () => {
    expect(() => websocket({ path: 'gossip' })).toThrow(TypeError)
  })
})

describe('pools over WebSocket', () => {
  it('link, and have one link when both dial at once', async () => {
    const pools = [0, 1].map(() => createPool({ identity: createIdentity(), transports: [websocket()] })) as [
      Pool,
      Pool,
    ]
    const places = await Promise.all(pools.map((each) => each.listen({ host: '127.0.0.1' })))
    const [[one], [other]] = places as [Address[], Address[]]
    if (!one || !other) throw new Error('listening')
    const links = await Promise.all([pools[0].connect(other), pools[1].connect(one)])
    expect(links[0].handshakeHash).toEqual(links[1].handshakeHash)
    expect(await Promise.all(links.map((link) => exchange(link, 1_000_000)))).toEqual([true, true])
    await Promise.all(pools.map((each) => each.close()))
  })

  it('leave nothing that keeps a process alive when they close', async () => {
    const { code, stdout, stderr } = await runChild(fileURLToPath(new URL('ws.child.ts', import.meta.url)))
    expect([stderr, stdout.trim(), code]).toEqual(['', 'closed', 0])
  })
})
