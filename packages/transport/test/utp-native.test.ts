// Interoperation with libutp, by way of the package `utp-native`; skipped where it has no build. UTP_INTEROP_BYTES makes it
// longer (3 MB by default).

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { UtpSocket, type UtpStream } from '@hearsay/transport/utp'
import { afterEach, describe, expect, it } from 'vitest'
import { type Program, start } from './program.js'

const child = fileURLToPath(new URL('utp-native.child.cjs', import.meta.url))
const probe = spawnSync(process.execPath, ['-e', "require('utp-native')"], {
  cwd: fileURLToPath(new URL('.', import.meta.url)),
})
if (probe.status !== 0) console.log('skipped: uTP with libutp, since utp-native does not load here')

const bytes = Number(process.env.UTP_INTEROP_BYTES ?? 3_000_000)
const undo: (() => unknown)[] = []

afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

function native(...args: readonly string[]): Program {
  const program = start(process.execPath, [child, ...args])
  undo.push(() => program.kill())
  return program
}

async function ours(): Promise<UtpSocket> {
  const socket = await UtpSocket.bind({ host: '127.0.0.1', allowHalfOpen: false })
  undo.push(() => socket.close())
  return socket
}

function pattern(length: number): Buffer {
  const data = Buffer.alloc(length)
  for (let index = 0; index < length; index++) data[index] = (index * 31 + (index >> 8) * 7) & 0xff
  return data
}

const hashOf = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** Made before anybody connects: libutp gives up who is busy for sixteen seconds, as a hundred megabytes can make one. */
const sent = probe.status === 0 ? pattern(bytes) : Buffer.alloc(0)

/** Sends the pattern and its end; the hash and length of what came. */
async function exchange(stream: UtpStream): Promise<{ readonly received: number; readonly hash: string }> {
  const hash = createHash('sha256')
  let received = 0
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length
    hash.update(chunk)
  })
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('end', resolve)
    stream.on('error', reject)
  })
  stream.end(sent)
  await ended
  return { received, hash: hash.digest('hex') }
}

describe.skipIf(probe.status !== 0)('uTP with libutp', () => {
  const expected = { received: bytes, hash: hashOf(sent) }

  it('dials it: everything arrives whole, both ways, and both close cleanly', { timeout: 120_000 }, async () => {
    const program = native('listen', String(bytes))
    const { port } = await program.next()
    const stream = await (await ours()).connect({ host: '127.0.0.1', port: Number(port) })
    expect(await exchange(stream)).toEqual(expected)
    expect(await program.next()).toEqual(expected)
    expect(await program.next()).toEqual({ closed: true })
  })

  it('is dialled by it: everything arrives whole, both ways, and both close cleanly', {
    timeout: 120_000,
  }, async () => {
    const socket = await ours()
    const accepted = new Promise<UtpStream>((resolve) => socket.accept(resolve))
    const program = native('dial', String(socket.address.port), String(bytes))
    expect(await exchange(await accepted)).toEqual(expected)
    expect(await program.next()).toEqual(expected)
    expect(await program.next()).toEqual({ closed: true })
  })

  it('ends cleanly after one byte each way', async () => {
    const program = native('listen', '1')
    const { port } = await program.next()
    const stream = await (await ours()).connect({ host: '127.0.0.1', port: Number(port) })
    const closed = new Promise((resolve) => stream.on('close', resolve))
    stream.resume()
    stream.write('x')
    await new Promise<void>((resolve) => stream.once('data', () => resolve()))
    stream.end()
    await closed
    expect(stream.errored).toBe(null)
  })
})
