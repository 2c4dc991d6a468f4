// The contracts between the layers: types only.

export type * from './clock.js'
export type * from './connector.js'
export type * from './crypto.js'
export type * from './discovery.js'
export type * from './epoch.js'
export type * from './gossip.js'
export type * from './link.js'
export type * from './logger.js'
export type * from './random.js'
export type * from './store.js'
export type * from './stream.js'
export type * from './transport.js'
