import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { type ByteStream, createIdentity, type Link, parseAddress, printAddress } from '@hearsay/core'
import { runConformance, transportConformance } from '@hearsay/core/conformance'
import { createPool } from '@hearsay/transport'
import { websocket } from '@hearsay/transport/ws'
import { build, type Metafile } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket as WebSocketOfLibrary } from 'ws'
import { websocket as browserWebsocket } from '../src/ws-browser.js'
import { exchange, outcome } from './fixtures.js'
import { start } from './program.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Node 20 has none unless it is asked; the one of our library has the same ways. */
const scope = globalThis as { WebSocket?: unknown }
scope.WebSocket ??= WebSocketOfLibrary

/** A stream of the browser's kind and what accepted it. */
async function streams(options = {}): Promise<{ dialled: ByteStream; accepted: ByteStream; close(): Promise<void> }> {
  const [near, far] = [websocket(), browserWebsocket(options)]
  let accept: (stream: ByteStream) => void = () => {}
  const accepted = new Promise<ByteStream>((resolve) => {
    accept = resolve
  })
  const { addresses } = await near.listen({ host: '127.0.0.1' }, ({ stream }) => accept(stream))
  const [address] = addresses
  if (!address) throw new Error('listening')
  const close = async (): Promise<void> => {
    await Promise.all([near.close(), far.close()])
  }
  return { dialled: await far.dial(address), accepted: await accepted, close }
}

describe('the WebSocket transport of browsers keeps the promises of a transport', () => {
  runConformance({
    test: it,
    suite: transportConformance,
    create: async () => {
      const [near, far] = [websocket(), browserWebsocket()]
      const close = async (): Promise<void> => {
        await Promise.all([near.close(), far.close()])
      }
      return { near, far, listen: { host: '127.0.0.1' }, nobody: parseAddress('ws://127.0.0.1:1'), close }
    },
  })
})

describe('a WebSocket stream of browsers', () => {
  it('ends with a code when more comes than it may keep unread, and not before', async () => {
    const { dialled, accepted, close } = await streams({ maxUnreadBytes: 200_000 })
    const ended = new Promise<Error>((resolve) => dialled.on('error', resolve))
    dialled.pause()
    accepted.write(new Uint8Array(200_000))
    await expect.poll(() => (accepted as unknown as { writableLength: number }).writableLength).toBe(0)
    let received = 0
    dialled.on('data', ({ byteLength }) => {
      received += byteLength
    })
    dialled.resume()
    await expect.poll(() => received).toBe(200_000)
    dialled.pause()
    accepted.write(new Uint8Array(200_001))
    expect(await ended).toMatchObject({ code: 'ERR_OVERFLOW' })
    await close()
  })

  it('gives nothing more to a listener that pauses, and then the rest in order', async () => {
    const { dialled, accepted, close } = await streams()
    const sizes: number[] = []
    let paused = false
    let intruders = 0
    dialled.on('data', (chunk) => {
      if (paused) intruders++
      sizes.push(chunk.byteLength)
      expect(chunk.every((byte) => byte === sizes.length)).toBe(true)
      paused = true
      dialled.pause()
    })
    // Each is a message of its own, and the rest of them waits while the first is looked at.
    for (let count = 1; count <= 8; count++) accepted.write(new Uint8Array(65_536).fill(count))
    const goOn = (): number => {
      paused = false
      dialled.resume()
      return sizes.length
    }
    await expect.poll(goOn, { interval: 20, timeout: 5_000 }).toBe(8)
    expect([intruders, sizes]).toEqual([0, sizes.map(() => 65_536)])
    await close()
  })

  it('cannot listen, and throws for a bound below one message', async () => {
    expect(await outcome(browserWebsocket().listen({}, () => {}))).toMatchObject({ code: 'ERR_LISTEN' })
    expect(() => browserWebsocket({ maxUnreadBytes: 65_535 })).toThrow(TypeError)
  })
})

describe('a bundle for browsers', () => {
  let directory: string
  let metafile: Metafile
  const id = createIdentity()
  const pool = createPool({ identity: id, transports: [websocket()], network: 'test' })
  let address: string

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearsay-page-'))
    const result = await build({
      entryPoints: [pathOf('browser.page.ts')],
      outfile: join(directory, 'page.js'),
      bundle: true,
      platform: 'browser',
      format: 'iife',
      tsconfig: join(root, 'tsconfig.json'),
      // What the `browser` condition of the package does once it is built.
      alias: { '@hearsay/transport/ws': pathOf('../src/ws-browser.ts') },
      metafile: true,
      logLevel: 'silent',
    })
    expect(result.warnings).toEqual([])
    metafile = result.metafile
    const [first] = await pool.listen({ host: '127.0.0.1' })
    if (!first) throw new Error('listening')
    address = printAddress(first)
  })

  afterAll(async () => {
    await pool.close()
    rmSync(directory, { recursive: true, force: true })
  })

  /** What came of the page, and of the link on our side. */
  async function visited(page: Promise<Record<string, unknown>>): Promise<void> {
    const linked = new Promise<Link>((resolve) => pool.once('link', resolve))
    const bulk = linked.then((link) => exchange(link, 1_000_000))
    const result = await page
    expect(result).toMatchObject({ remote: id.id, received: 1_000_000, intact: true, listens: false })
    expect([(await linked).remote, await bulk]).toEqual([result.id, true])
  }

  it('of the transport and secureLink imports nothing of Node, and no other WebSocket', () => {
    const { inputs, outputs } = metafile
    expect(Object.values(outputs).flatMap(({ imports }) => imports)).toEqual([])
    const code = readFileSync(join(directory, 'page.js'), 'utf8')
    expect(code).not.toMatch(/["']node:/)
    expect(
      Object.keys(inputs).filter((path) => /node_modules\/ws\/|src\/ws\/(?:server|stream)\.ts|src\/pool/.test(path)),
    ).toEqual([])
    console.log(`bundle of WebSocket, Noise and links: ${Math.round(code.length / 1_000)} kB, not minified`)
  })

  it('is chosen by the browser condition, before any other', () => {
    const manifest = JSON.parse(readFileSync(pathOf('../package.json'), 'utf8'))
    const [[condition, target]] = Object.entries(manifest.exports['./ws']) as [[string, { default: string }]]
    expect([condition, target.default]).toEqual(['browser', './dist/ws-browser.js'])
    expect(readFileSync(pathOf('../tsup.config.ts'), 'utf8')).toContain("'ws-browser'")
  })

  it('links with a node and exchanges a megabyte where there are the globals of a browser alone', async () => {
    // Node's own WebSocket needs what is not to be seen: so the names are hidden from the page alone.
    const loader = `
const { readFileSync } = require('node:fs')
const names = ['WebSocket', 'TextEncoder', 'TextDecoder', 'crypto', 'performance', 'WebAssembly', 'AbortController']
const page = { address: ${JSON.stringify(address)}, report: (result) => console.log(JSON.stringify(result)) }
const scope = { page, ...Object.fromEntries(names.map((name) => [name, globalThis[name]])) }
const hidden = ['process', 'Buffer', 'global', 'setImmediate', 'clearImmediate', 'require', 'module', 'exports']
const code = readFileSync(${JSON.stringify(join(directory, 'page.js'))}, 'utf8')
new Function('globalThis', 'self', 'window', ...hidden, code)(scope, scope, scope)
`
    writeFileSync(join(directory, 'loader.cjs'), loader)
    const flags = process.versions.node.startsWith('20.') ? ['--experimental-websocket', '--no-warnings'] : []
    const program = start(process.execPath, [...flags, join(directory, 'loader.cjs')])
    await visited(program.next())
    expect(await program.exit).toBe(0)
  })

  it('links with a node and exchanges a megabyte in Chromium', async ({ skip }) => {
    const chromium = browserOnPath()
    if (!chromium) return skip('no chromium on the PATH')
    let report: (result: Record<string, unknown>) => void = () => {}
    const reported = new Promise<Record<string, unknown>>((resolve) => {
      report = resolve
    })
    const html = `<!doctype html><script>
globalThis.page = { address: ${JSON.stringify(address)}, report: (result) => fetch('/result', { method: 'POST', body: JSON.stringify(result) }) }
</script><script src="/page.js"></script>`
    const server = createServer((request, response) => {
      if (request.method === 'POST') return void text(request).then((body) => report(JSON.parse(body)))
      const isScript = request.url === '/page.js'
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
      response.end(isScript ? readFileSync(join(directory, 'page.js')) : html)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const profile = `--user-data-dir=${join(directory, 'profile')}`
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', profile, `http://127.0.0.1:${port}/`]
    const child = spawn(chromium, args, { stdio: 'ignore' })
    child.on('error', (error) => report({ error: error.message }))
    try {
      await visited(reported)
    } finally {
      child.kill('SIGKILL')
      server.closeAllConnections()
      server.close()
    }
  })
})

function browserOnPath(): string | null {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    for (const place of (process.env.PATH ?? '').split(delimiter)) {
      try {
        execFileSync(join(place, name), ['--version'], { stdio: 'ignore' })
        return join(place, name)
      } catch {
        // Not there, or not to be run.
      }
    }
  }
  return null
}
