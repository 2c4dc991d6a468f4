// `hearsay id`: the key that signs. Its secret is only printed when asked for, and only read from stdin.

import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { createIdentity, type Identity, loadIdentity, loadOrCreateIdentity, saveIdentity } from 'hearsay'
import { CommandError, EXIT } from '../exit.js'
import type { GlobalOptions } from '../global-options.js'
import type { Output } from '../output.js'

const SEED_BYTES = 32

/** Shows the key, and makes one if there is none. */
export async function idShow(options: GlobalOptions, output: Output): Promise<void> {
  const identity = options.ephemeral ? createIdentity() : await loadOrCreateIdentity(pathOf(options))
  await tell(identity, output)
}

/** Makes a new key; the old one is kept beside it. */
export async function idNew(options: GlobalOptions, output: Output): Promise<void> {
  await setAside(options, output)
  await tell(await loadOrCreateIdentity(pathOf(options)), output)
}

/** Prints the secret seed in hexadecimal: whoever has it can sign as this user. */
export async function idExport(options: GlobalOptions, output: Output): Promise<void> {
  const identity = await loadIdentity(pathOf(options))
  const secret = Buffer.from(identity.secretKey.subarray(0, SEED_BYTES)).toString('hex')
  await output.object({ type: 'identity', peer: identity.id, secret })
  await output.line(secret)
}

/** Reads a seed, as `export` printed it, from stdin. */
export async function idImport(stdin: Readable, options: GlobalOptions, output: Output): Promise<void> {
  const hex = (await text(stdin)).trim()
  if (!/^[0-9a-f]{64}$/i.test(hex)) {
    throw new CommandError(
      EXIT.usage,
      'ERR_IDENTITY',
      'stdin does not hold a secret',
      'Pipe in the 64 hexadecimal digits that `hearsay id export` prints.',
    )
  }
  const identity = createIdentity({ seed: Buffer.from(hex, 'hex') })
  await setAside(options, output)
  await saveIdentity(pathOf(options), identity)
  await tell(identity, output)
}

async function tell(identity: Identity, output: Output): Promise<void> {
  await output.object({ type: 'id', peer: identity.id })
  await output.line(identity.id)
}

function pathOf(options: GlobalOptions): string {
  return join(options.dataDir, 'identity')
}

/** A key is never overwritten: it moves to `identity.<its name>`. */
async function setAside(options: GlobalOptions, output: Output): Promise<void> {
  const path = pathOf(options)
  if (!existsSync(path)) return
  const { id } = await loadIdentity(path)
  await rename(path, `${path}.${id}`)
  output.say(`the old key is now ${path}.${id}`)
}
