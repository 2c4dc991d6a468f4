// @hearsay/transport/machine: the pool and uTP without clock and sockets, for drivers such as a simulator.

export { isCredible, type Teller } from './pool/hearsay.js'
export { type PoolCounts, PoolMachine, type PoolMachineOptions } from './pool/machine.js'
export type { ConnectionId, Failure, PoolInput, PoolOutput, PoolTimer, Referral } from './pool/messages.js'
export { DEFAULT_POOL_LIMITS, type PoolLimits, resolvePoolLimits } from './pool/options.js'
export type { QueueOptions } from './pool/queue-options.js'
export type { QueuedCandidate } from './pool/report.js'
export type { ConnectionHandle, Remote, UtpFailure, UtpInput, UtpOutput } from './utp/messages.js'
export { DEFAULT_UTP_LIMITS, type UtpLimits } from './utp/options.js'
export { type UtpCounts, UtpPort, type UtpPortOptions } from './utp/port.js'
