// A directory that holds a user's key and the epochs it has used. It belongs to one running command; a second one at the
// same time has the same author and a link key of its own, so that two terminals of one user talk to each other.

import { join } from 'node:path'
import { createIdentity, type EpochSource, type Identity } from '@hearsay/core'
import { fileEpochs, loadOrCreateIdentity, lockDirectory } from '@hearsay/core/node'

/** What a node takes from a data directory. */
export interface DataDirectory {
  /** Signs messages. */
  readonly identity: Identity
  /** Names the node to its peers: the same key, or a fresh one if the directory is in use. */
  readonly linkIdentity: Identity
  readonly epochs: EpochSource
  /** True if another process holds the directory. */
  readonly shared: boolean
  release(): Promise<void>
}

/** Opens `<path>/identity` (made if there is none) and claims the directory; errors as of `@hearsay/core/node`. */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  const identity = await loadOrCreateIdentity(join(path, 'identity'))
  const lock = await lockDirectory(path)
  return {
    identity,
    linkIdentity: lock.held ? identity : createIdentity(),
    epochs: fileEpochs(join(path, 'epochs')),
    shared: !lock.held,
    release: async () => lock.release(),
  }
}
