#!/usr/bin/env node
// The executable: signals in, exit code out.

import { main } from './main.js'

const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143 } as const

const stop = new AbortController()
let signalled: keyof typeof SIGNAL_EXIT | null = null
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // A second signal does not wait for the clean leave.
    if (signalled) process.exit(SIGNAL_EXIT[signal])
    signalled = signal
    stop.abort()
  })
}

const { stdin, stdout, stderr } = process
const code = await main({ argv: process.argv.slice(2), stdin, stdout, stderr, signal: stop.signal })
process.exitCode = signalled ? SIGNAL_EXIT[signalled] : code
// An open stdin (a terminal, a pipe whose writer goes on) is not to keep a finished command alive.
stdin.destroy()
