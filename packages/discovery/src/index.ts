// @hearsay/discovery: who is interested in a topic.

export type {
  AddressBook,
  AddressStats,
  BookDatabase,
  BookEntry,
  BookOrigin,
  BookTarget,
  BookTotals,
  FailedReport,
  HeardReport,
  KnownPeer,
  LinkedReport,
  SampleOptions,
} from './address-book/contract.js'
export { type BookDiscoveryOptions, bookDiscovery } from './address-book/discovery.js'
export { type AddressBookOptions, createAddressBook, DEFAULT_MAX_PEERS } from './address-book.js'
export { type BootstrapServer, type BootstrapServerOptions, createBootstrapServer } from './bootstrap.js'
export { type ComposeOptions, composeDiscoveries } from './compose.js'
export { DiscoveryError, type DiscoveryErrorCode } from './errors.js'
export { type PeerExchange, type PeerExchangeOptions, peerExchange } from './exchange.js'
export {
  type DhtNodeOptions,
  type DhtWatcher,
  dhtNode,
  type ExternalPlace,
  type HyperdhtOptions,
  hyperdht,
  type SharedDht,
} from './hyperdht.js'
export { type MainlineOptions, mainline } from './mainline.js'
export { type MdnsOptions, mdns } from './mdns.js'
export { seeds } from './seeds.js'
