// Says whether this process is the one that runs on a data directory. The lock is a file `lock-<n>` that names its
// process; the highest n counts. A lock whose process is dead, or that was released, is followed by the next number, which
// only one process can create. Releasing writes the next number too: deleting the highest would let somebody who looked
// earlier create a number that once was lower, and two would hold the lock.

import { hasCode } from '../errors.js'
import { type FileSystem, systemFiles } from './files.js'
import { claimNumber, listNumbers, type NumberedPlace, pathOf, removeBelow } from './numbered-files.js'

/** A process's hold on a directory, or the knowledge that another has it. */
export interface DirectoryLock {
  /** False if another live process has it: then nothing was written. */
  readonly held: boolean
  /** Lets the next one have it. Twice is once. */
  release(): Promise<void>
}

/** Who runs: a number that is used again after a reboot, and when it began, which tells the two apart. */
export interface ProcessName {
  readonly pid: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

export interface DirectoryLockOptions {
  /** @default systemFiles() */
  readonly files?: FileSystem
  /** @default this process */
  readonly self?: ProcessName
  /** @default asks the system */
  readonly isAlive?: (pid: number) => boolean
}

const RELEASED = 'released'
const MAX_ATTEMPTS = 100

/** Takes the directory's lock if no live process has it. File errors reject as they come. */
export async function lockDirectory(directory: string, options: DirectoryLockOptions = {}): Promise<DirectoryLock> {
  const { files = systemFiles(), self = thisProcess(), isAlive = isProcessAlive } = options
  const place: NumberedPlace = { directory, prefix: 'lock-' }
  await files.makeDirectory(directory)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const [highest = 0] = await listNumbers(files, place)
    const holder = highest === 0 ? RELEASED : await readHolder(files, pathOf(place, highest))
    if (holder === null) continue
    if (isHeld(holder, self, isAlive)) break
    if (await claimNumber(files, place, { number: highest + 1, text: printHolder(self) })) {
      await removeBelow(files, place, highest + 1)
      return hold(files, place, highest + 1)
    }
  }
  return { held: false, release: async () => {} }
}

function hold(files: FileSystem, place: NumberedPlace, number: number): DirectoryLock {
  let releasing: Promise<void> | null = null
  const release = async (): Promise<void> => {
    if (await claimNumber(files, place, { number: number + 1, text: RELEASED })) {
      await removeBelow(files, place, number + 1)
    }
  }
  return {
    held: true,
    release: () => {
      releasing ??= release()
      return releasing
    },
  }
}

function isHeld(holder: string, self: ProcessName, isAlive: (pid: number) => boolean): boolean {
  const match = /^(\d{1,10}) (\d{1,16})$/.exec(holder)
  if (!match) return false
  const [pid, startedAt] = [Number(match[1]), Number(match[2])]
  // Our own number with another beginning is a predecessor: in a container every main process is number 1.
  return pid === self.pid ? startedAt === self.startedAt : isAlive(pid)
}

/** Null if the file has gone meanwhile: somebody claimed a higher number. */
async function readHolder(files: FileSystem, path: string): Promise<string | null> {
  try {
    return await files.read(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

function printHolder({ pid, startedAt }: ProcessName): string {
  return `${pid} ${startedAt}`
}

function thisProcess(): ProcessName {
  return { pid: process.pid, startedAt: Math.round(performance.timeOrigin) }
}

function isProcessAlive(pid: number): boolean {
  try {
    // Signal 0 asks and does nothing (POSIX kill).
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !hasCode(error, 'ESRCH')
  }
}
