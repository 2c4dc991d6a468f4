// The DNS codec that `multicast-dns` uses, which it does not export.

import { createRequire } from 'node:module'

interface Codec {
  encode(packet: object): Buffer
  decode(bytes: Uint8Array): unknown
}

const require = createRequire(import.meta.url)
export const codec = createRequire(require.resolve('multicast-dns'))('dns-packet') as Codec
