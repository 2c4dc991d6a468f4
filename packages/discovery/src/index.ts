// @hearsay/discovery: who is interested in a topic.

export { type BootstrapServer, type BootstrapServerOptions, createBootstrapServer } from './bootstrap.js'
export { type ComposeOptions, composeDiscoveries } from './compose.js'
export { DiscoveryError, type DiscoveryErrorCode } from './errors.js'
export { type HyperdhtOptions, hyperdht } from './hyperdht.js'
export { type MdnsOptions, mdns } from './mdns.js'
export { seeds } from './seeds.js'
