// What this package needs a file system for: identities, epochs and locks that outlive the process.

export { channelDuplex } from './node/channel-duplex.js'
export {
  type DirectoryLock,
  type DirectoryLockOptions,
  lockDirectory,
  type ProcessName,
} from './node/directory-lock.js'
export { type EpochFileOptions, fileEpochs } from './node/epoch-files.js'
export { type FileSystem, systemFiles } from './node/files.js'
export { type IdentityFileOptions, loadIdentity, loadOrCreateIdentity, saveIdentity } from './node/identity-file.js'
export { secretFromPassphrase } from './node/passphrase.js'
