// Interoperation with libtorrent, whose uTP is its own; skipped where Python has no `libtorrent` (Debian's
// python3-libtorrent). UTP_INTEROP_BYTES makes it longer (3 MB by default).

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UtpSocket } from '@hearsay/transport/utp'
import { afterEach, describe, expect, it } from 'vitest'
import { type Program, start } from './program.js'
import { fetchFile, giveFile } from './utp-bittorrent.js'

const script = fileURLToPath(new URL('utp-libtorrent.py', import.meta.url))
// Debian's package is of Debian's Python, which need not be the first one of the path.
const python = ['python3', '/usr/bin/python3'].find((each) => spawnSync(each, ['-c', 'import libtorrent']).status === 0)
if (!python) console.log('skipped: uTP with libtorrent, since no python3 here has the module libtorrent')

/** Whole blocks of 64 KiB. */
const bytes = Math.ceil(Number(process.env.UTP_INTEROP_BYTES ?? 3_000_000) / 65_536) * 65_536
const undo: (() => unknown)[] = []

afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

function peer(...args: readonly string[]): Program {
  const program = start(python ?? '', [script, ...args])
  undo.push(() => program.kill())
  return program
}

describe.skipIf(!python).each(['127.0.0.1', '::1'])('uTP with libtorrent at %s', (host) => {
  it('fetches a file from it, and gives it one', { timeout: 180_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'utp-'))
    undo.push(() => rmSync(directory, { recursive: true, force: true }))
    mkdirSync(join(directory, 'fetched'))
    const { port, info } = await peer('seed', host, directory, String(bytes)).next()
    const socket = await UtpSocket.bind({ host, allowHalfOpen: false })
    undo.push(() => socket.close())
    const stream = await socket.connect({ host, port: Number(port) })
    const fetched = await fetchFile(stream, String(info), bytes)
    const file = readFileSync(join(directory, 'payload'))
    expect(fetched.equals(file)).toBe(true)
    stream.destroy()

    socket.accept((incoming) => giveFile(incoming, String(info), file))
    expect(await peer('leech', host, directory, String(socket.address.port)).next()).toEqual({ whole: true })
    expect(readFileSync(join(directory, 'fetched', 'payload')).equals(file)).toBe(true)
  })
})
