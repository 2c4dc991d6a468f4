// The suites that any implementation of a contract can run, under any test runner.

export { type Assert, type ConformanceCase, plainAssert, runConformance } from './conformance/case.js'
export { type ClockFixture, clockConformance } from './conformance/clock.js'
export { type ConnectorFixture, connectorConformance } from './conformance/connector.js'
export { type CryptoCase, cryptoConformance, ed25519Conformance } from './conformance/crypto.js'
export { type DiscoveryFixture, discoveryConformance } from './conformance/discovery.js'
export { type GossipFixture, gossipConformance } from './conformance/gossip.js'
export { type LinkFixture, linkConformance } from './conformance/link.js'
export { randomConformance } from './conformance/random.js'
export { type StoreFixture, storeConformance } from './conformance/store.js'
export { type TransportFixture, transportConformance } from './conformance/transport.js'
