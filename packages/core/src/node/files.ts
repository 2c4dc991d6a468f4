// The few things that this package asks of a file system, each of which either happened durably or failed. Tests put a
// faulty one in its place.

import { chmod, link, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Calls fail with the errors of `node:fs`. */
export interface FileSystem {
  /** A new file with this text, on the disk when it resolves; `EEXIST` if there is one. Only the owner may read it. */
  create(path: string, text: string): Promise<void>
  read(path: string): Promise<string>
  /** A second name for a file; `EEXIST` if the name is taken. */
  link(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** The names in a directory. */
  list(directory: string): Promise<readonly string[]>
  /** Names made or removed in the directory are on the disk when it resolves. */
  syncDirectory(directory: string): Promise<void>
  /** A directory only for its owner, with its parents; nothing if it exists. */
  makeDirectory(directory: string): Promise<void>
  /** True if the group or others may do anything with it; false where permissions have no bits. */
  isShared(path: string): Promise<boolean>
}

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/** The file system of this machine. */
export function systemFiles(): FileSystem {
  return {
    create,
    read: (path) => readFile(path, 'utf8'),
    link,
    remove: unlink,
    list: readdir,
    syncDirectory,
    makeDirectory,
    isShared,
  }
}

async function create(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows opens no directories; NTFS writes names to its journal by itself.
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE })
  if (first === undefined) return
  // A umask may have taken away bits that the owner needs.
  await chmod(directory, DIRECTORY_MODE)
  await syncDirectory(dirname(first))
}

async function isShared(path: string): Promise<boolean> {
  if (process.platform === 'win32') return false
  const { mode } = await stat(path)
  return (mode & 0o077) !== 0
}
