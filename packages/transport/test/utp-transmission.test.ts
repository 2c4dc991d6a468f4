// Interoperation with Transmission, whose uTP is libutp; skipped where there is no `transmission-daemon` (of Debian's package of
// that name). It listens on TCP, too, but we dial it by uTP alone, and where it dials us, nobody listens on TCP. UTP_INTEROP_BYTES makes it longer (3 MB by default).

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UtpSocket, type UtpStream } from '@hearsay/transport/utp'
import { afterEach, describe, expect, it } from 'vitest'
import { closed } from './fixtures.js'
import { start } from './program.js'
import { fetchFile, giveFile, torrentOf } from './utp-bittorrent.js'

const isThere = spawnSync('transmission-daemon', ['--version']).status === 0
if (!isThere) console.log('skipped: uTP with Transmission, since there is no transmission-daemon here')

const bytes = Number(process.env.UTP_INTEROP_BYTES ?? 3_000_000)
/** Transmission looks for whom to serve every ten seconds. */
const timeout = 180_000
const host = '127.0.0.1'
const undo: (() => unknown)[] = []

afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

async function freePort(): Promise<number> {
  const probe = createSocket('udp4')
  await new Promise<void>((resolve) => probe.bind(0, host, resolve))
  const { port } = probe.address()
  await new Promise<void>((resolve) => probe.close(resolve))
  return port
}

const settings = (host: string, port: number, directory: string): object => ({
  ...{ 'utp-enabled': true, 'peer-port': port, 'bind-address-ipv4': host, encryption: 0, 'download-dir': directory },
  ...{ 'dht-enabled': false, 'lpd-enabled': false, 'pex-enabled': false, 'port-forwarding-enabled': false },
  ...{ 'rpc-enabled': false, 'ratio-limit-enabled': false, 'start-added-torrents': true },
})

interface Transmission {
  readonly port: number
  /** Where it keeps files. */
  readonly directory: string
}

/** It finds the torrents when it starts, and has the files that it is given. */
async function transmission(
  torrents: Readonly<Record<string, Buffer>>,
  files: Readonly<Record<string, Buffer>>,
  address: string = host,
): Promise<Transmission> {
  const root = mkdtempSync(join(tmpdir(), 'transmission-'))
  undo.push(() => rmSync(root, { recursive: true, force: true, maxRetries: 3 }))
  const [directory, own] = [join(root, 'files'), join(root, 'own')]
  for (const each of [directory, join(own, 'torrents')]) mkdirSync(each, { recursive: true })
  const port = await freePort()
  writeFileSync(join(own, 'settings.json'), JSON.stringify(settings(address, port, directory)))
  for (const [name, torrent] of Object.entries(torrents))
    writeFileSync(join(own, 'torrents', `${name}.torrent`), torrent)
  for (const [name, file] of Object.entries(files)) writeFileSync(join(directory, name), file)
  const program = start('transmission-daemon', ['--foreground', '--config-dir', own, '--log-error'])
  undo.push(() => program.kill())
  return { port, directory }
}

async function dialler(): Promise<UtpSocket> {
  const socket = await UtpSocket.bind({ host, allowHalfOpen: false })
  undo.push(() => socket.close())
  return socket
}

/** Transmission dials nobody at a loopback address; what is sent to an address of this machine does not leave it either. */
const ownHost = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

/** The URL of a tracker that tells everybody of one peer. */
async function tracker({ host: peer, port }: { readonly host: string; readonly port: number }): Promise<string> {
  const compact = Buffer.from([...peer.split('.').map(Number), port >> 8, port & 0xff])
  const answer = Buffer.concat([Buffer.from('d8:intervali60e5:peers6:'), compact, Buffer.from('e')])
  const server = createServer((_, response) => response.end(answer))
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  undo.push(() => server.close())
  return `http://${host}:${(server.address() as AddressInfo).port}/announce`
}

describe.skipIf(!isThere)('uTP with Transmission', () => {
  it('fetches a file from it', { timeout }, async () => {
    const file = randomBytes(bytes)
    const { info, torrent } = torrentOf('payload', file)
    const { port } = await transmission({ payload: torrent }, { payload: file })
    const socket = await dialler()
    let fetched: Buffer | null = null
    // Until it has read its torrents, it wants nothing of them.
    while (!fetched) {
      const stream = await socket.connect({ host, port })
      fetched = await fetchFile(stream, info, bytes).catch(() => sleep(200, null))
      stream.destroy()
    }
    expect(fetched.equals(file)).toBe(true)
  })

  it('gives it a file', { timeout }, async () => {
    const file = randomBytes(bytes)
    const { info, torrent } = torrentOf('payload', file)
    const { port, directory } = await transmission({ payload: torrent }, {})
    const socket = await dialler()
    const whole = join(directory, 'payload')
    while (!existsSync(whole)) {
      const stream: UtpStream = await socket.connect({ host, port })
      giveFile(stream, info, file, { dialled: true })
      const isOver = closed(stream)
      while (!stream.closed && !existsSync(whole)) await Promise.race([isOver, sleep(100)])
      stream.destroy()
    }
    expect(readFileSync(whole).equals(file)).toBe(true)
  })

  it.skipIf(ownHost === undefined)('is dialled by it, and gives it a file', { timeout }, async () => {
    const file = randomBytes(bytes)
    const socket = await UtpSocket.bind({ host: ownHost, allowHalfOpen: false })
    undo.push(() => socket.close())
    const { info, torrent } = torrentOf('payload', file, await tracker(socket.address))
    socket.accept((stream) => giveFile(stream, info, file))
    const { directory } = await transmission({ payload: torrent }, {}, ownHost)
    const whole = join(directory, 'payload')
    while (!existsSync(whole)) await sleep(100)
    expect(readFileSync(whole).equals(file)).toBe(true)
  })
})
