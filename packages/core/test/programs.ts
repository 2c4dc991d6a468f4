// Runs the programs in test/programs as processes of their own, on the sources. They wait for a line on stdin, so that
// several begin at the same instant.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll } from 'vitest'

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
}

export interface Program {
  readonly pid: number
  /** Lets it begin; resolves when it has ended. */
  go(): Promise<Ended>
  /** Resolves when it has written a line. */
  line(): Promise<string>
  kill(): Promise<void>
}

const root = fileURLToPath(new URL('..', import.meta.url))
// Beneath the package, so that its dependencies are found.
const out = join(root, 'node_modules', `.test-${process.pid}`)
let compiled: Promise<void> | null = null

afterAll(() => rm(out, { recursive: true, force: true }))

/** Starts `count` processes of one program; resolves when all wait for their line. */
export async function startPrograms(name: string, count: number, args: readonly string[]): Promise<readonly Program[]> {
  compiled ??= compile()
  await compiled
  return Promise.all(Array.from({ length: count }, () => startProgram(name, args)))
}

async function startProgram(name: string, args: readonly string[]): Promise<Program> {
  const file = join(root, 'test', 'programs', `${name}.mjs`)
  const child = spawn(process.execPath, [file, out, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = readLines(child)
  const ended = once(child, 'close')
  await lines.next()
  return {
    pid: child.pid ?? 0,
    async go() {
      child.stdin.end('go\n')
      const [code, signal] = await ended
      return { code, signal, stdout: lines.rest() }
    },
    line() {
      child.stdin.write('go\n')
      return lines.next()
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function readLines(child: ChildProcess): { next(): Promise<string>; rest(): string } {
  let text = ''
  let wake = (): void => {}
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk
    wake()
  })
  child.on('close', () => wake())
  return {
    async next() {
      while (!text.includes('\n') && child.exitCode === null) await new Promise<void>((resolve) => (wake = resolve))
      const end = text.indexOf('\n') + 1
      const line = text.slice(0, end)
      text = text.slice(end)
      return line.trim()
    },
    rest: () => text,
  }
}

async function compile(): Promise<void> {
  const source = join(root, 'src')
  const names = await readdir(source, { recursive: true })
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true }
  for (const name of names) {
    if (!name.endsWith('.ts') || name.endsWith('.d.ts')) continue
    const target = join(out, name.replace(/\.ts$/, '.js'))
    const { outputText } = ts.transpileModule(await readFile(join(source, name), 'utf8'), { compilerOptions })
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, outputText)
  }
  await writeFile(join(out, 'package.json'), '{"type":"module"}')
}
