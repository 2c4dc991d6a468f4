import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bundle, bundled, type Program, start } from './program.js'
import { CASES } from './socket-faults.js'

const script = fileURLToPath(new URL('socket-faults.child.ts', import.meta.url))
let bundle: Bundle
let program: Program

beforeAll(async () => {
  bundle = await bundled(script)
  program = start(process.execPath, [bundle.file])
})

afterAll(async () => {
  await program.kill()
  bundle.remove()
})

// One process for the whole table, without a handler for errors: it ends at the first that the package does not handle.
describe('a node links again, and its process lives, when a raw stream fails', () => {
  it.each(CASES)('at $site: $fault', async ({ site, fault }) => {
    expect(await program.next()).toMatchObject({ site, fault, linked: true })
  })

  it('and in the end the process exits by itself', async () => {
    expect(await program.exit).toBe(0)
  })
})
