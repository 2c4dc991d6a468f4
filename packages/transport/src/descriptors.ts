// Tells that this process is at its limit of file descriptors (EMFILE), or the machine is (ENFILE), while it listens. Then
// nobody can come in, and nothing says so: libuv keeps one descriptor in reserve, gives it up to accept and at once close
// everything that waits, and takes it back (uv__emfile_trick, `src/unix/stream.c`), so that a remote sees its connection end
// while the server here emits neither 'error' nor 'drop' (seen on Node 20, 22, 24 and 26). The listener lives, does not spin,
// and accepts again by itself as soon as a descriptor is free. Only if another thread snatches the reserve does the loop
// wake again and again for what it cannot accept, as long as nothing is freed; it still runs.

import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { type Clock, hasCode, type Timer } from '@hearsay/core'
import { TransportError } from './errors.js'

export interface DescriptorWatchOptions {
  readonly clock: Clock
  /** Nothing is watched for nobody. */
  readonly onWarning: ((error: Error) => void) | undefined
  /** The error of a machine or process without descriptors; null if one can be had. @default tries it */
  readonly whatIsWrong?: () => unknown
}

/** Opening a file takes some ten microseconds; who looks for a reason finds it in the log within this. */
const LOOK_MS = 2_000
/** However often descriptors run out, nobody is told of it more often. */
const QUIET_MS = 60_000

/** Watches until it is cancelled. */
export function watchDescriptors({ clock, onWarning, whatIsWrong = tryOpening }: DescriptorWatchOptions): Timer {
  if (!onWarning) return { cancel: () => {} }
  let warnedAt = Number.NEGATIVE_INFINITY
  const look = (): void => {
    timer = clock.setTimer(LOOK_MS, look)
    const cause = whatIsWrong()
    if (cause === null || clock.now() - warnedAt < QUIET_MS) return
    warnedAt = clock.now()
    tell(onWarning, cause)
  }
  let timer = clock.setTimer(LOOK_MS, look)
  return { cancel: () => timer.cancel() }
}

function tell(onWarning: (error: Error) => void, cause: unknown): void {
  const error = new TransportError('ERR_DESCRIPTORS', 'no file descriptor is left: whoever connects is dropped', {
    cause,
    remedy: 'Raise the limit of open files (ulimit -n), or lower the limits of links and sockets.',
  })
  try {
    onWarning(error)
  } catch {
    // Who fails to hear a warning has nobody else to be told.
  }
}

function tryOpening(): unknown {
  try {
    // Not in another thread, where it could snatch libuv's reserve.
    closeSync(openSync(devNull, 'r'))
    return null
  } catch (error) {
    return hasCode(error, 'EMFILE', 'ENFILE') ? error : null
  }
}
