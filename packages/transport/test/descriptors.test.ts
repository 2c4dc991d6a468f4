import { fileURLToPath } from 'node:url'
import { type Address, createIdentity, parseAddress } from '@hearsay/core'
import { virtualClock } from '@hearsay/core/memory'
import { createPool, tcp } from '@hearsay/transport'
import { websocket } from '@hearsay/transport/ws'
import { afterEach, describe, expect, it } from 'vitest'
import { watchDescriptors } from '../src/descriptors.js'
import { outcome } from './fixtures.js'
import { bundled, type Program, start } from './program.js'

const script = fileURLToPath(new URL('descriptors.child.ts', import.meta.url))
const undo: (() => unknown)[] = []

afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

/** A node in a process that may have 64 descriptors, of which it has used about half when it listens. */
async function startSmall(): Promise<{ program: Program; addresses: Address[] }> {
  const bundle = await bundled(script)
  undo.push(() => bundle.remove())
  const program = start('bash', ['-c', 'ulimit -n 64; exec "$0" "$1"', process.execPath, bundle.file])
  undo.push(() => program.kill())
  const { addresses } = await program.next()
  return { program, addresses: (addresses as string[]).map(parseAddress) }
}

/** What became of dialling the address as somebody new: a link, or an error. */
function visit(address: Address): Promise<unknown> {
  const pool = createPool({ identity: createIdentity(), transports: [tcp(), websocket()], network: 'test' })
  undo.push(() => pool.close())
  return outcome(pool.connect(address))
}

describe.skipIf(process.platform === 'win32')('a node at the limit of its descriptors', () => {
  it('lives, tells it once for each listener, keeps its links, and links again when some are free', async () => {
    const { program, addresses } = await startSmall()
    expect(addresses.map(({ scheme }) => scheme)).toEqual(['tcp', 'ws'])
    const [first] = addresses
    if (!first) throw new Error('listening')
    const old = (await visit(first)) as { readonly remote: string; ping(timeoutMs: number): Promise<number> }
    expect(await program.next()).toEqual({ linked: expect.any(String) })

    program.tell('fill')
    const { full, cpuMs: before } = await program.next()
    expect(full).toBe(true)
    for (const address of [...addresses, ...addresses]) {
      expect(await visit(address)).toMatchObject({ code: expect.stringMatching(/^ERR_(DIAL|HANDSHAKE)$/) })
    }
    const warning = { warning: 'ERR_DESCRIPTORS', cause: 'EMFILE' }
    expect([await program.next(), await program.next()]).toEqual([warning, warning])
    program.tell('dial')
    const { dialled, cpuMs: after } = await program.next()
    expect(dialled).toBe('ERR_DIAL')
    // Two seconds have gone by, in which a loop that spins would have burned as much.
    expect(Number(after) - Number(before)).toBeLessThan(1_000)
    expect(await old.ping(2_000)).toBeGreaterThan(0)

    program.tell('free')
    expect(await program.next()).toEqual({ free: true })
    for (const address of addresses) {
      expect(await visit(address)).toMatchObject({ remote: old.remote })
      expect(await program.next()).toEqual({ linked: expect.any(String) })
    }
    program.tell('end')
    expect(await program.next()).toEqual({ closed: true })
    expect(await program.exit).toBe(0)
  })
})

describe('a watch for descriptors', () => {
  const clock = virtualClock()
  const full = Object.assign(new Error('too many open files'), { code: 'EMFILE' })

  it('warns within two seconds, and then at most once a minute however often they run out', () => {
    const warnedAt: number[] = []
    const startedAt = clock.now()
    const onWarning = (error: Error): void => {
      warnedAt.push(Math.round(clock.now() - startedAt))
      expect(error).toMatchObject({ code: 'ERR_DESCRIPTORS', cause: full })
    }
    const isFull = (): boolean => Math.floor((clock.now() - startedAt) / 10_000) % 2 === 1
    const watch = watchDescriptors({ clock, onWarning, whatIsWrong: () => (isFull() ? full : null) })
    clock.advance(180_000)
    expect(warnedAt).toEqual([10_000, 70_000, 130_000])
    watch.cancel()
    clock.advance(180_000)
    expect(warnedAt).toHaveLength(3)
  })

  it('goes on when who is warned throws, and says nothing as long as there are some', () => {
    let count = 0
    const onWarning = (): never => {
      count++
      throw new Error('a mistake of the application')
    }
    const watch = watchDescriptors({ clock, onWarning, whatIsWrong: () => full })
    clock.advance(62_000)
    watch.cancel()
    expect(count).toBe(2)
    const quiet = watchDescriptors({ clock, onWarning })
    clock.advance(10_000)
    quiet.cancel()
    expect(count).toBe(2)
  })
})
