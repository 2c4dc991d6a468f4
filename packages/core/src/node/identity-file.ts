// Keeps an identity in a file that only its owner can read. The file is text of three lines:
//
//     hearsay-identity 1
//     secret <64 hexadecimal digits: the 32-byte seed of an Ed25519 key>
//     public <52 letters of z-base-32: the peer id>
//
// The public key follows from the seed; it stands there so that damage shows. A file is never overwritten: it is written
// under another name, brought to the disk, and then given its name, which fails if the name is taken. Whoever dies on the
// way leaves either nothing or everything under that name (and perhaps a file that ends in `.tmp`, which can go).

import { dirname } from 'node:path'
import { CoreError, hasCode } from '../errors.js'
import { fromHex, toHex } from '../hex.js'
import { createIdentity, type Identity, type IdentityOptions } from '../identity.js'
import { type FileSystem, systemFiles } from './files.js'
import { createWhole } from './whole-file.js'

export interface IdentityFileOptions extends Pick<IdentityOptions, 'crypto'> {
  /** @default systemFiles() */
  readonly files?: FileSystem
}

const SEED_BYTES = 32
const VERSION_LINE = 'hearsay-identity 1'

/** The identity in the file; `ERR_IDENTITY` if it is missing or damaged, `ERR_IDENTITY_MODE` if others may read it. */
export async function loadIdentity(path: string, options: IdentityFileOptions = {}): Promise<Identity> {
  const identity = await readIdentity(path, options)
  if (identity) return identity
  throw new CoreError('ERR_IDENTITY', `there is no identity at ${path}`, { remedy: 'Make one with hearsay id new.' })
}

/** Keeps the identity in a new file; `ERR_IDENTITY` if there is one already, `ERR_IDENTITY_MODE` for a shared directory. */
export async function saveIdentity(path: string, identity: Identity, options: IdentityFileOptions = {}): Promise<void> {
  if (await writeIdentity(path, identity, options)) return
  throw new CoreError('ERR_IDENTITY', `${path} exists and is never overwritten`, {
    remedy: 'Choose another path, or move that file away if its key is not needed.',
  })
}

/** The identity in the file, or a fresh one that is kept there. Two processes that do this at once get the same. */
export async function loadOrCreateIdentity(path: string, options: IdentityFileOptions = {}): Promise<Identity> {
  const existing = await readIdentity(path, options)
  if (existing) return existing
  const fresh = createIdentity(options)
  if (await writeIdentity(path, fresh, options)) return fresh
  return loadIdentity(path, options)
}

/** Null if there is no such file. */
async function readIdentity(path: string, options: IdentityFileOptions): Promise<Identity | null> {
  const files = options.files ?? systemFiles()
  try {
    await refuseShared(files, { path, mode: 600 })
    await refuseShared(files, { path: dirname(path), mode: 700 })
    return parseIdentity(await files.read(path), path, options)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null
    throw asIdentityError(error, `cannot read ${path}`)
  }
}

/** False if the name is taken. */
async function writeIdentity(path: string, identity: Identity, options: IdentityFileOptions): Promise<boolean> {
  const files = options.files ?? systemFiles()
  const directory = dirname(path)
  try {
    await files.makeDirectory(directory)
    await refuseShared(files, { path: directory, mode: 700 })
    const isFirst = await createWhole(files, path, printIdentity(identity))
    // Also for the one who lost: the winner may not have come to this yet, and its file is used from here on.
    await files.syncDirectory(directory)
    return isFirst
  } catch (error) {
    throw asIdentityError(error, `cannot write ${path}`)
  }
}

async function refuseShared(files: FileSystem, what: { readonly path: string; readonly mode: number }): Promise<void> {
  if (!(await files.isShared(what.path))) return
  throw new CoreError('ERR_IDENTITY_MODE', `others on this machine have access to ${what.path}`, {
    remedy: `chmod ${what.mode} ${quote(what.path)}`,
  })
}

function printIdentity(identity: Identity): string {
  const seed = toHex(identity.secretKey.subarray(0, SEED_BYTES))
  return `${VERSION_LINE}\nsecret ${seed}\npublic ${identity.id}\n`
}

function parseIdentity(text: string, path: string, options: IdentityFileOptions): Identity {
  const match = /^hearsay-identity 1\r?\nsecret ([0-9a-f]{64})\r?\npublic ([a-z0-9]{52})\r?\n?$/.exec(text)
  const seed = fromHex(match?.[1] ?? '')
  const identity = seed?.byteLength === SEED_BYTES ? createIdentity({ ...options, seed }) : null
  if (identity && identity.id === match?.[2]) return identity
  throw new CoreError('ERR_IDENTITY', `${path} is damaged or not an identity of this version`, {
    remedy: 'Restore it from a copy, or move it away to begin with a new key.',
  })
}

function asIdentityError(error: unknown, message: string): CoreError {
  return error instanceof CoreError ? error : new CoreError('ERR_IDENTITY', message, { cause: error })
}

/** As a POSIX shell reads it. */
function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
