// @hearsay/simulator: the cores of Hearsay in virtual time.

export { Audit, type Tally } from './audit.js'
export { EventQueue } from './event-queue.js'
export { type Happening, type NetworkOptions, SimulatedNetwork } from './network.js'
export { type SimulateOptions, type SimulationReport, simulate } from './simulate.js'
export { simulatedCrypto } from './simulated-crypto.js'
export { type SwarmFault, type SwarmOptions, simulateSwarm } from './swarm.js'
export type { SwarmReport } from './swarm-metrics.js'
