// The reference implementations of the contracts: in this process, deterministic, and fit to be copied.

export { settle, type VirtualClock, virtualClock } from './memory/clock.js'
export { type MemoryConnector, type MemoryConnectorEvents, memoryConnector } from './memory/connector.js'
export { simulatedCrypto } from './memory/crypto.js'
export { memoryDiscovery } from './memory/discovery.js'
export { type HubSession, type MemoryHub, memoryHub } from './memory/hub.js'
export { type MemoryLinkOptions, memoryLinkPair } from './memory/link.js'
export { memoryStore } from './memory/store.js'
export { type MemoryStreamOptions, memoryStreamPair } from './memory/stream.js'
export { memoryTransport } from './memory/transport.js'
