// @hearsay/gossip: signed, sequenced messages over links.

export type { Engine, Verdict } from './engine.js'
export { GossipError, type GossipErrorCode } from './errors.js'
export { flood } from './flood.js'
export type { GossipOptions, KeptGossip } from './gossip-options.js'
export { createMembership, type Membership, type MembershipDriverOptions } from './membership/driver.js'
export { DEFAULT_MEMBERSHIP, type MembershipLimits, resolveMembership } from './membership/options.js'
export { DEFAULT_LIMITS, type GossipLimits } from './options.js'
export type { Order } from './order.js'
export type { QueryOptions } from './queries/driver.js'
export type { Connect, ConnectOptions } from './queries/reach.js'
export type { Located } from './queries/where.js'
export { createGossip } from './room/driver.js'
export type { CompactCodec, CompactState, Encoding, EncodingOption, NamedEncodings } from './room/encodings.js'
export { type Message, validateValues } from './room/message.js'
export {
  createRoom,
  type Peer,
  type ReadyOptions,
  type Room,
  type RoomEvents,
  type RoomOptions,
  type SubscribeOptions,
} from './room/room.js'
export type { Answer, DirectMessage, Query, TalkOptions } from './room/room-talk.js'
export type { Split } from './room/split.js'
export type { Judged, Validate } from './room/validation.js'
export { type RumorEngine, type RumorOptions, rumor } from './rumor.js'
export type { Since } from './since.js'
export type { StoreDatabase } from './store/database.js'
export { type LevelStoreOptions, levelStore } from './store/level.js'
export { trees } from './trees.js'
