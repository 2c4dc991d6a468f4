// @hearsay/gossip/machine: the engines as sans-io machines, for drivers other than ours.

export type { Engine, Input, Machine, MachineContext, Output, PeerHandle, Restored, Verdict } from './engine.js'
export { flood } from './flood.js'
export { decodeFrame, encodeFrame, type Frame, type Head } from './frames.js'
export type { MembershipInput, MembershipOptions, MembershipOutput } from './membership/contract.js'
export { decodeMembersFrame, encodeMembersFrame, type MembersFrame } from './membership/frames.js'
export { MembershipMachine } from './membership/machine.js'
export { DEFAULT_MEMBERSHIP, type MembershipLimits, resolveMembership } from './membership/options.js'
export { DEFAULT_LIMITS, type GossipLimits, resolveLimits } from './options.js'
export { rumor } from './rumor.js'
export { trees } from './trees.js'
