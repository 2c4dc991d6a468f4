// What this process sends and checks, counted where every stack has to come by: at its sockets and at the two libraries that
// check its signatures.

import crypto from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { createRequire } from 'node:module'

const sockets = new Set()
let ended = 0
let checks = 0

/** Counts from now on; before any node starts. */
export function count() {
  subscribe('net.client.socket', ({ socket }) => follow(socket))
  subscribe('net.server.socket', ({ socket }) => follow(socket))
  countCalls(crypto, 'verify')
  const ours = createRequire(createRequire(import.meta.url).resolve('@hearsay/core'))
  countCalls(ours('sodium-universal'), 'crypto_sign_verify_detached')
}

/** Since `count`: bytes handed to sockets, signatures checked, µs of processor time. */
export function counted() {
  let bytes = ended
  for (const { bytesWritten } of sockets) bytes += bytesWritten
  const { user, system } = process.cpuUsage()
  return { bytes, checks, cpu: user + system }
}

/** The same, since `before`. */
export function countedSince(before) {
  const { bytes, checks, cpu } = counted()
  return { bytes: bytes - before.bytes, checks: checks - before.checks, cpu: cpu - before.cpu }
}

function follow(socket) {
  sockets.add(socket)
  socket.once('close', () => {
    sockets.delete(socket)
    ended += socket.bytesWritten
  })
}

function countCalls(library, name) {
  const check = library[name]
  library[name] = (...args) => {
    checks++
    return check.apply(library, args)
  }
}
