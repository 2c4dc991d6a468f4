// Runs a TypeScript file on the sources in a process of its own, for what a test runner would hide: crashes and handles
// that keep a process alive.

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'

export interface ChildResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Bundles `file` (an absolute path within a package) and runs it; a child that takes longer than `timeoutMs` has code null. */
export async function runChild(file: string, timeoutMs = 20_000): Promise<ChildResult> {
  const { script, remove } = await bundleChild(file)
  try {
    return await run(script, timeoutMs)
  } finally {
    await remove()
  }
}

/** Bundles `file` into a script that `node` runs, until it is removed. */
export async function bundleChild(file: string): Promise<{ readonly script: string; remove(): Promise<void> }> {
  // From within the store, every dependency of every package can be found.
  const outDir = await mkdtemp(join(root, 'node_modules', '.pnpm', '.child-'))
  await build({
    config: false,
    silent: true,
    entry: [file],
    outDir,
    format: ['esm'],
    tsconfig: join(root, 'tsconfig.json'),
    external: [/^(?!@hearsay\/)[@a-z]/],
    noExternal: [/^@hearsay\//],
    target: 'node20',
    dts: false,
  })
  await writeFile(join(outDir, 'package.json'), '{"type":"module"}')
  const script = join(outDir, `${basename(file, '.ts')}.js`)
  return { script, remove: () => rm(outDir, { recursive: true, force: true }) }
}

function run(script: string, timeoutMs: number): Promise<ChildResult> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script], { timeout: timeoutMs }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : null) : 0
      resolve({ code, stdout, stderr })
    })
  })
}
