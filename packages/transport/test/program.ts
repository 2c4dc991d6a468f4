// Programs of this package that run in processes of their own, wherever a test wants them, and talk in lines: they print
// JSON, and may be told a word at a time.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'

export interface Program {
  /** The next line that it prints, parsed; rejects when it ends before. */
  next(): Promise<Record<string, unknown>>
  tell(line: string): void
  /** Its exit code, when it has ended; null if a signal ended it. */
  readonly exit: Promise<number | null>
  /** Ends it, if it has not ended; resolves when it has. */
  kill(): Promise<void>
}

/** A program that can be run: an ES module with its directory, which `remove` deletes. */
export interface Bundle {
  readonly file: string
  remove(): void
}

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Bundles `script`, an absolute path of a TypeScript file of this package, with the sources of all packages. */
export async function bundled(script: string): Promise<Bundle> {
  // From within the store, every dependency of every package can be found.
  const directory = mkdtempSync(join(root, 'node_modules', '.pnpm', '.child-'))
  await build({
    config: false,
    silent: true,
    entry: [script],
    outDir: directory,
    format: ['esm'],
    tsconfig: join(root, 'tsconfig.json'),
    external: [/^(?!@hearsay\/)[@a-z]/],
    noExternal: [/^@hearsay\//],
    target: 'node20',
    dts: false,
  })
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  return { file: join(directory, `${basename(script, '.ts')}.js`), remove }
}

/** What it says on stderr is shown. */
export function start(command: string, args: readonly string[]): Program {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
  // It may have ended when it is told something: that shows as its end.
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the program ended')
    return JSON.parse(value) as Record<string, unknown>
  }
  return { next, exit, tell: (line) => void child.stdin.write(`${line}\n`), kill: () => ended(child) }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
