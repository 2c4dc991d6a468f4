// @hearsay/transport/machine: the pool without clock and sockets, for drivers such as a simulator.

export { type PoolCounts, PoolMachine, type PoolMachineOptions } from './pool/machine.js'
export type { ConnectionId, Failure, PoolInput, PoolOutput, PoolTimer } from './pool/messages.js'
export { DEFAULT_POOL_LIMITS, type PoolLimits, resolvePoolLimits } from './pool/options.js'
