// What a node did, as a simulation tells it to whoever counts and checks.

import type { Delivery, Drop, Fork, Gap, PeerId } from '@hearsay/core'

/** What a node did, in the order it happened. */
export type Happening =
  | { readonly type: 'delivered'; readonly node: number; readonly delivery: Omit<Delivery, 'receivedAt'> }
  | { readonly type: 'gap'; readonly node: number; readonly gap: Gap }
  | { readonly type: 'published'; readonly node: number; readonly from: number; readonly to: number }
  | {
      readonly type: 'confirmed'
      readonly node: number
      readonly remote: PeerId
      readonly from: number
      readonly to: number
    }
  | {
      readonly type: 'sent'
      readonly node: number
      readonly to: number
      readonly bytes: number
      readonly frame: Uint8Array
    }
  | { readonly type: 'fork'; readonly node: number; readonly fork: Fork }
  | { readonly type: 'drop'; readonly node: number; readonly drop: Drop }
  | {
      readonly type: 'misbehaved'
      readonly node: number
      /** Whom it took for hostile. */
      readonly to: number
      readonly code: string
      readonly message: string
      readonly ban: boolean
      /** True if nothing of it has arrived on this link: it may only be slow. */
      readonly isMute: boolean
    }
  /** The node itself broke a rule of its driver. */
  | { readonly type: 'broke'; readonly node: number; readonly rule: string }
