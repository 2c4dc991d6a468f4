// @hearsay/core: what every layer shares.

export type { Address } from './address.js'
export { compareAddresses, hostAddress, parseAddress, printAddress, sameAddress, withPeer } from './address.js'
export {
  type AddressRecord,
  createAddressRecord,
  decodeAddressRecord,
  encodeAddressRecord,
  MAX_ADDRESS_RECORD_BYTES,
  MAX_RECORD_ADDRESSES,
  MAX_RECORD_ADDRESSES_BYTES,
} from './address-record.js'
export { copyBytes, sameBytes } from './bytes.js'
export { type Cause, MAX_CAUSE_BYTES, MAX_CAUSES } from './causes.js'
export { checkChannel, MAX_CHANNEL_ID_BYTES, MAX_HANDSHAKE_BYTES, MAX_PROTOCOL_LETTERS } from './channel-name.js'
export { clampDelay, MAX_TIMER_MS, systemClock } from './clock.js'
export type * from './contracts/index.js'
export { HASH_BYTES, SEAL_BYTES, SEAL_NONCE_BYTES, SIGNATURE_BYTES, sodiumCrypto } from './crypto.js'
export { Emitter, type EventMap, type EventSource, type Listener as EventListener, MAX_LISTENERS } from './emitter.js'
export { type EpochOptions, memoryEpochs } from './epochs.js'
export { CoreError, type CoreErrorCode, type ErrorDetails, HearsayError, hasCode } from './errors.js'
export {
  type ClaimedFork,
  decodeSignedHead,
  encodeForkProof,
  encodeSignedHead,
  FORK_HEADER_BYTES,
  type ForkProof,
  forkOf,
  type ProvenFork,
  readFork,
  verifyFork,
} from './fork.js'
export { createIdentity, type Identity, type IdentityOptions } from './identity.js'
export {
  CHUNK_BYTES,
  type ChunkClaim,
  chunkCount,
  MerkleTree,
  merkleLeaf,
  merkleRoot,
  proofBytes,
  verifyChunk,
} from './merkle.js'
export { fromPeerId, isPeerId, type PeerId, PUBLIC_KEY_BYTES, parsePeerId, toPeerId } from './peer-id.js'
export { seededRandom, systemRandom } from './random.js'
export {
  type BlockName,
  blockOf,
  createRecord,
  decodeRecord,
  decodeRecordHead,
  encodeRecord,
  encodeRecordHead,
  KIND_CAUSED,
  KIND_MESSAGES,
  MAX_BATCH_BYTES,
  MAX_BATCH_MESSAGES,
  PREV_BYTES,
  type RecordContents,
  type RecordDraft,
  type RecordHead,
  type RecordHeader,
  recordContents,
  recordMessages,
  type SignedRecord,
  type Verdict,
  verifyRecord,
} from './record.js'
export { isStrictSignature } from './strict-signature.js'
export { TokenBucket, type TokenRate } from './token-bucket.js'
export {
  channelId,
  channelProof,
  createTopic,
  DEFAULT_NETWORK,
  discoveryKey,
  discoveryKeys,
  MIN_SECRET_BYTES,
  saltedTopicHash,
  type Topic,
  type TopicId,
  type TopicOptions,
} from './topic.js'
export {
  type ChannelHandle,
  type OpenTopicChannel,
  type TopicChannelHandlers,
  TopicChannels,
  type TopicChannelsOptions,
} from './topic-channels.js'
export { Turns } from './turns.js'
