// A store whose process is killed (SIGKILL) at any moment, again and again, on one real database.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createTopic, seededRandom, sodiumCrypto, verifyRecord } from '@hearsay/core'
import { ClassicLevel } from 'classic-level'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundleChild } from '../../core/test/child.js'
import { levelStore } from '../src/index.js'

const KILLS = Number(process.env.HEARSAY_KILLS ?? 6)

let bundle: Awaited<ReturnType<typeof bundleChild>>
let directory: string
beforeAll(async () => {
  bundle = await bundleChild(fileURLToPath(new URL('store.child.ts', import.meta.url)))
  directory = await mkdtemp(join(tmpdir(), 'hearsay-kill-'))
}, 60_000)
afterAll(async () => {
  await bundle.remove()
  await rm(directory, { recursive: true, force: true })
})

/** Lets it append for a while, and kills it; answers the number below which it said that all is kept. */
async function killAfter(batches: number, first: number): Promise<number> {
  const child = spawn(process.execPath, [bundle.script, directory, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  let kept = first
  let left = batches
  for await (const line of createInterface({ input: child.stdout })) {
    kept = Number(line)
    if (left-- === 0) child.kill('SIGKILL')
  }
  await exit
  return kept
}

it(`has all that it said it kept, whole and in order, after each of ${KILLS} kills`, {
  timeout: 30_000 + KILLS * 2_000,
}, async () => {
  const random = seededRandom(Number(process.env.HEARSAY_KILLS_SEED ?? 1))
  const topic = createTopic('killed')
  let next = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const kept = await killAfter(random.below(60), next)
    const database = new ClassicLevel<string, Uint8Array>(directory)
    let damaged = 0
    const store = levelStore(database, topic, { onDamage: (rows) => (damaged += rows) })
    const [head] = await store.vector()
    const seqs: number[] = []
    for await (const { record } of store.read({ author: head?.author as never, epoch: 1, from: 0, to: 1e9 })) {
      expect(verifyRecord(record, sodiumCrypto())).toBe('valid')
      seqs.push(record.header.firstSeq)
    }
    const floor = seqs[0] ?? 0
    expect(seqs).toEqual(Array.from({ length: (head?.next ?? 0) - floor }, (_, index) => floor + index))
    expect(head?.next).toBeGreaterThanOrEqual(kept)
    expect(seqs.length).toBeGreaterThanOrEqual(Math.min(kept, 200))
    expect(damaged).toBe(0)
    await store.close()
    await database.close()
    next = head?.next ?? 0
  }
})
