// The faults of `utp-native`, each of which ours does not have; those of remotes that are not there are in
// utp-absence.test.ts.

import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Address, type ByteStream, hostAddress } from '@hearsay/core'
import { UtpSocket, type UtpStream, utp } from '@hearsay/transport/utp'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Datagrams } from '../src/utp/datagrams.js'
import { closed, outcome } from './fixtures.js'
import { type Bundle, bundled, start } from './program.js'

const undo: (() => unknown)[] = []

afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

async function socket(host = '127.0.0.1'): Promise<UtpSocket> {
  const made = await UtpSocket.bind({ host })
  undo.push(() => made.close())
  return made
}

/** Two ends, of which the first has dialled; nobody has spoken. */
async function pair(host?: string): Promise<readonly [UtpStream, UtpStream, UtpSocket, UtpSocket]> {
  const [near, far] = [await socket(host), await socket(host)]
  const accepted = new Promise<UtpStream>((resolve) => near.accept(resolve))
  const dialled = await far.connect(near.address)
  return [dialled, await accepted, far, near]
}

function text(stream: UtpStream): Promise<string> {
  let all = ''
  stream.on('data', (chunk: Buffer) => {
    all += chunk.toString()
  })
  return new Promise((resolve) => stream.on('end', () => resolve(all)))
}

function outcomeOf<Value>(run: () => Value): Value | null {
  try {
    return run()
  } catch {
    return null
  }
}

describe('uTP', () => {
  it('lives when it ends before it knows the address of a name, and when it is destroyed at once', async () => {
    const [near, far] = [utp(), utp()]
    undo.push(
      () => near.close(),
      () => far.close(),
    )
    const ends: Promise<void>[] = []
    const { addresses } = await near.listen({ host: '127.0.0.1' }, ({ stream }) => {
      stream.resume()
      ends.push(closed(stream))
    })
    const address = hostAddress('utp', 'localhost', (addresses[0] as Address).port)
    for (const part of ['end', 'destroy'] as const) {
      const controller = new AbortController()
      const aborted = outcome(far.dial(address, { signal: controller.signal }))
      controller.abort()
      expect(await aborted).toMatchObject({ code: 'ERR_ABORTED' })
      const stream: ByteStream = await far.dial(address)
      stream.resume()
      stream[part]()
      await closed(stream)
    }
    await Promise.all(ends)
  })

  it('delivers all that is written while it is corked', async () => {
    const [dialled, accepted] = await pair()
    const all = text(accepted)
    dialled.cork()
    for (const part of ['one ', 'two ', 'three']) dialled.write(part)
    dialled.uncork()
    dialled.end()
    expect(await all).toBe('one two three')
  })

  it('makes a writer wait for a reader that is paused, with a bounded number of bytes in between', async () => {
    const [dialled, accepted] = await pair()
    accepted.pause()
    let written = 0
    const chunk = new Uint8Array(16_384)
    const write = (): void => {
      do written += chunk.length
      while (dialled.write(chunk) && written < 100_000_000)
    }
    dialled.on('drain', write)
    write()
    let before = -1
    while (before !== written) {
      before = written
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    expect(written).toBeLessThan(4_000_000)
    let received = 0
    accepted.on('data', ({ length }: Buffer) => {
      received += length
    })
    dialled.removeListener('drain', write)
    accepted.resume()
    dialled.end()
    await new Promise<void>((resolve) => accepted.on('end', resolve))
    expect(received).toBe(written)
  })

  it('accepts nobody where it only dials, after a connection has ended either', async () => {
    const [dialled, accepted, dialler] = await pair()
    const stranger = await socket()
    expect(await outcome(stranger.connect(dialler.address))).toMatchObject({ code: 'ERR_UTP_REFUSED' })
    dialled.resume()
    accepted.resume()
    dialled.end()
    accepted.end()
    await Promise.all([closed(dialled), closed(accepted)])
    expect(await outcome(stranger.connect(dialler.address))).toMatchObject({ code: 'ERR_UTP_REFUSED' })
  })

  it('carries what the side that was dialled says first', async () => {
    const [dialled, accepted] = await pair()
    const all = text(dialled)
    accepted.end('welcome')
    expect(await all).toBe('welcome')
  })

  it('asks the system to keep so much that a process that is busy for a moment loses nothing', async () => {
    const [ours, plain] = [await Datagrams.bind({ host: '127.0.0.1' }), createSocket('udp4')]
    undo.push(
      () => ours.close(),
      () => plain.close(),
    )
    await new Promise<void>((resolve) => plain.bind(0, '127.0.0.1', resolve))
    const allowed = Number(outcomeOf(() => readFileSync('/proc/sys/net/core/rmem_max', 'utf8')) ?? 0)
    expect(ours.receiveBufferBytes).toBeGreaterThanOrEqual(Math.min(allowed, 4_194_304))
    expect(ours.receiveBufferBytes).toBeGreaterThanOrEqual(plain.getRecvBufferSize())
  })

  it('holds next to no memory outside the heap for connections that are idle', async () => {
    const [near, far] = [await socket(), await socket()]
    near.accept((stream) => stream.resume())
    const outside = (): number => process.memoryUsage().external
    const before = outside()
    const streams = await Promise.all(Array.from({ length: 200 }, () => far.connect(near.address)))
    // libutp's driver holds 132 KB for each.
    expect((outside() - before) / streams.length).toBeLessThan(20_000)
  })

  it('rejects, and throws nothing, where the system does not send', async () => {
    const [four, six] = [await socket(), await socket('::1')]
    for (const host of ['255.255.255.255', '::1']) {
      expect(await outcome(four.connect({ host, port: 9 }))).toHaveProperty('code')
    }
    expect(await outcome(six.connect({ host: '127.0.0.1', port: 9 }))).toHaveProperty('code')
    expect(four.counts.connections + six.counts.connections).toBe(0)
  })

  it('gives the port of a closed listener back as soon as the last stream has ended', async () => {
    const [dialled, accepted, , near] = await pair()
    const { port } = near.address
    near.release()
    dialled.write('still here')
    const all = text(accepted)
    dialled.resume()
    dialled.end()
    expect(await all).toBe('still here')
    accepted.end()
    await Promise.all([closed(dialled), closed(accepted), near.closed])
    const again = await UtpSocket.bind({ host: '127.0.0.1', port })
    await again.close()
  })

  it('calls back whoever writes to a remote that is gone', async () => {
    const [dialled, accepted] = await pair()
    dialled.write('x')
    accepted.destroy(new Error('gone'))
    dialled.resume()
    await closed(dialled)
    expect(dialled.errored).toMatchObject({ code: 'ERR_UTP_RESET' })
    expect(await new Promise((resolve) => dialled.write('y', resolve))).toBeInstanceOf(Error)
  })

  it('reads on after it has ended, and writes on after the remote has', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const [dialled, accepted] = await pair(host)
      const [atDialled, atAccepted] = [text(dialled), text(accepted)]
      dialled.end('question')
      expect(await atAccepted).toBe('question')
      accepted.write('long ')
      accepted.end('answer')
      expect(await atDialled).toBe('long answer')
    }
  })

  it('takes and sends IPv4 and IPv6 on one port', async () => {
    const both = await socket('::')
    const hosts: string[] = []
    both.accept((stream) => hosts.push(stream.remote.host))
    for (const host of ['127.0.0.1', '::1']) {
      const from = await socket(host)
      await from.connect({ host, port: both.address.port })
      const there = await new Promise<UtpStream>((resolve) => {
        from.accept(resolve)
        void both.connect(from.address)
      })
      expect(there.remote).toEqual({ host, port: both.address.port })
    }
    expect(hosts).toEqual(['127.0.0.1', '::1'])
  })

  it('carries a thousand connections on one port', async () => {
    const [near, far] = [await socket(), await socket()]
    near.accept((stream) => stream.pipe(stream))
    const count = 1_000
    const answers = Array.from({ length: count }, async (_, index) => {
      const stream = await far.connect(near.address)
      const answer = text(stream)
      stream.end(`connection ${index}`)
      return answer
    })
    expect(await Promise.all(answers)).toEqual(Array.from({ length: count }, (_, index) => `connection ${index}`))
  })
})

describe('uTP in a process of its own', () => {
  let bundle: Bundle
  beforeAll(async () => {
    bundle = await bundled(fileURLToPath(new URL('utp.child.ts', import.meta.url)))
  })
  afterAll(() => bundle.remove())

  it.each([
    ['survives the end of a worker that uses it', 'worker', { terminated: true }],
    ['leaves nothing that keeps the process alive when it is closed', 'close', { closed: true }],
    ['lets the process exit in the middle', 'exit', null],
  ])('%s', async (_, order, line) => {
    const program = start(process.execPath, [bundle.file, order])
    undo.push(() => program.kill())
    if (line) expect(await program.next()).toEqual(line)
    expect(await program.exit).toBe(0)
  })
})
