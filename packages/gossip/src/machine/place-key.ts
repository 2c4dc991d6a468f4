// A place as the key of a map. Every frame looks up a few places in several maps, and a key that was spelt before is found
// without spelling it, and compared without reading it.

import type { PeerId } from '@hearsay/core'

/** Authors whose last key is remembered; when there are more, all are forgotten. */
const REMEMBERED = 1_024

interface Spelt {
  readonly epoch: number
  readonly key: string
}

const spelt = new Map<PeerId, Spelt>()

/** One string for each (author, epoch). */
export function placeKey({ author, epoch }: { readonly author: PeerId; readonly epoch: number }): string {
  const last = spelt.get(author)
  if (last?.epoch === epoch) return last.key
  if (spelt.size >= REMEMBERED) spelt.clear()
  const key = `${author} ${epoch}`
  spelt.set(author, { epoch, key })
  return key
}
