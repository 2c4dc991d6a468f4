// Running somebody's program: no shell, what it is told on its stdin, what it says on its stdout.

import { spawn } from 'node:child_process'

export interface ProgramResult {
  /** Null if a signal ended it, or it could not be started. */
  readonly code: number | null
  /** Without the line end that programs add. */
  readonly output: string
}

/** What is kept of its output; a program that says more has failed. */
const MAX_OUTPUT_BYTES = 65_536

/** Runs it to its end, or until the signal fires. Never rejects. */
export function runProgram(path: string, input: string, signal?: AbortSignal): Promise<ProgramResult> {
  return new Promise((resolve) => {
    // Its stderr is the user's terminal.
    const child = spawn(path, [], { stdio: ['pipe', 'pipe', 'inherit'], shell: false, ...(signal && { signal }) })
    const chunks: Buffer[] = []
    let bytes = 0
    child.on('error', () => resolve({ code: null, output: '' }))
    // It need not read what it is told.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength
      if (bytes <= MAX_OUTPUT_BYTES) chunks.push(chunk)
    })
    child.on('close', (code) => {
      const output = Buffer.concat(chunks)
        .toString('utf8')
        .replace(/\r?\n$/, '')
      resolve(bytes > MAX_OUTPUT_BYTES ? { code: null, output: '' } : { code, output })
    })
  })
}
