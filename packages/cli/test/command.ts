// The built command as real processes, for tests.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../dist/bin.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** The first line of stdout or stderr that contains the text. */
  line(text: string): Promise<string>
}

/** Nothing of the surroundings may decide a test, and none may touch a public network. */
function environment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('HEARSAY_') && name !== 'NO_COLOR')
  return { ...Object.fromEntries(own), HEARSAY_BOOTSTRAP: '127.0.0.1:9', ...extra }
}

/** Starts `hearsay` with these arguments. */
export function start(
  args: readonly string[],
  options: {
    readonly env?: Record<string, string>
    readonly input?: string
    /** A command to run it behind, such as `ip netns exec <name>`. */
    readonly behind?: readonly string[]
  } = {},
): Running {
  const [command = '', ...rest] = [...(options.behind ?? []), process.execPath, bin, ...args]
  const child = spawn(command, rest, { env: environment(options.env ?? {}) })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const stdout = collect(child, 'stdout', lines, waiting)
  const stderr = collect(child, 'stderr', lines, waiting)
  child.stdin?.on('error', () => {})
  if (options.input !== undefined) child.stdin?.end(options.input)
  const ended = once(child, 'close').then(([code, signal]) => {
    for (const wake of waiting) wake()
    return { code, signal, stdout: stdout.text, stderr: stderr.text } as Ended
  })
  return { child, ended, line: (text) => lineWith(text, { lines, waiting, child }) }
}

/** Runs `hearsay` to its end. */
export function hearsay(args: readonly string[], options: Parameters<typeof start>[1] = {}): Promise<Ended> {
  return start(args, { input: '', ...options }).ended
}

/** A topic that no other test or run uses. */
export function freshTopic(): string {
  return `test-${randomBytes(6).toString('hex')}`
}

export function objects(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

function collect(
  child: ChildProcess,
  name: 'stdout' | 'stderr',
  lines: string[],
  waiting: Set<() => void>,
): { text: string } {
  const collected = { text: '' }
  const stream = child[name]
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    collected.text += chunk
  })
  if (stream) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      for (const wake of waiting) wake()
    })
  }
  return collected
}

async function lineWith(
  text: string,
  seen: { lines: string[]; waiting: Set<() => void>; child: ChildProcess },
): Promise<string> {
  while (true) {
    const found = seen.lines.find((line) => line.includes(text))
    if (found !== undefined) return found
    if (seen.child.exitCode !== null) throw new Error(`ended without saying ${text}: ${seen.lines.join('\n')}`)
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        seen.waiting.delete(wake)
        resolve()
      }
      seen.waiting.add(wake)
    })
  }
}
