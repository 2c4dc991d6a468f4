// hearsay: talk to everyone interested in a topic, without a server.

export {
  type Address,
  type Clock,
  createIdentity,
  type Discovery,
  type EpochSource,
  fromPeerId as peerIdBytes,
  type Gap,
  HearsayError,
  hasCode,
  type Identity,
  type Link,
  type Logger,
  memoryEpochs,
  type PeerId,
  parseAddress,
  parsePeerId,
  printAddress,
  type Random,
  type Receipt,
  type Store,
  type Topic,
  type Transport,
  toPeerId as peerIdOf,
} from '@hearsay/core'
export { fileEpochs, loadIdentity, loadOrCreateIdentity, saveIdentity } from '@hearsay/core/node'
export {
  type AddressBook,
  type BookDatabase,
  type BootstrapServer,
  createAddressBook,
  createBootstrapServer,
  hyperdht,
  type KnownPeer,
  mainline,
  mdns,
  seeds,
} from '@hearsay/discovery'
export {
  type Answer,
  type DirectMessage,
  flood,
  levelStore,
  type Message,
  type Order,
  type Peer,
  type Query,
  type QueryOptions,
  type Room,
  type RoomEvents,
  type RumorEngine,
  rumor,
  type Since,
  type Split,
  type StoreDatabase,
  trees,
  type Validate,
  type Verdict,
} from '@hearsay/gossip'
export { tcp } from '@hearsay/transport'
export { hyper } from '@hearsay/transport/hyperdht'
export { hyperswarmLinks } from '@hearsay/transport/hyperswarm'
export { utp } from '@hearsay/transport/utp'
export { websocket } from '@hearsay/transport/ws'
export { type DataDirectory, openDataDirectory } from './data-directory.js'
export {
  type Environment,
  parseTransports,
  readEnvironment,
  readFlag,
  TRANSPORT_NAMES,
  type TransportName,
} from './environment.js'
export { NodeError, type NodeErrorCode } from './errors.js'
export { join } from './join.js'
export type { JoinOptions, NamedJoinOptions } from './join-options.js'
export {
  type AttachOptions,
  createNode,
  type Node,
  type NodeEvents,
  type NodeReport,
} from './node.js'
export type { NodeOptions } from './options.js'
export { safeJson, safeText } from './safe-text.js'
export {
  createSwarm,
  type PeerInfo,
  type PeerInfoEvents,
  type Swarm,
  type SwarmEvents,
  type SwarmJoinOptions,
  type SwarmOptions,
  type SwarmSession,
} from './swarm.js'
