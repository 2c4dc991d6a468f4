// A file that is there with all its content or not at all, and that never takes the place of another.

import { hasCode } from '../errors.js'
import { toHex } from '../hex.js'
import { systemRandom } from '../random.js'
import type { FileSystem } from './files.js'

/**
 * Creates the file; false if the name is taken. It is written and brought to the disk under another name first, so whoever
 * dies on the way leaves at most a file that ends in `.tmp`. The name itself is durable after `syncDirectory`.
 */
export async function createWhole(files: FileSystem, path: string, text: string): Promise<boolean> {
  // A file without content is whole as soon as it is there.
  if (text === '') return isNew(files.create(path, text))
  const draft = `${path}.${toHex(systemRandom().bytes(8))}.tmp`
  await files.create(draft, text)
  try {
    return await isNew(files.link(draft, path))
  } finally {
    await files.remove(draft)
  }
}

async function isNew(creating: Promise<void>): Promise<boolean> {
  try {
    await creating
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}
