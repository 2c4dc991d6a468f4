// Turns words that people can remember into a topic's secret, slowly, so that guessing is slow too.

import { scrypt } from 'node:crypto'
import { sodiumCrypto } from '../crypto.js'
import { CoreError } from '../errors.js'

/** RFC 7914: 64 MiB and about 0.2 s on a machine of 2024, for every guess. Part of the format: another value, another room. */
const COST = { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 27 } as const
const SECRET_BYTES = 32

/**
 * The 32-byte secret of a passphrase for the topic of that name, both compared in Unicode NFC. The salt is the BLAKE2b hash
 * of the name, so one table of guesses does not serve two rooms. Rejects with `ERR_TOPIC` if the passphrase is empty.
 */
export async function secretFromPassphrase(passphrase: string, topicName: string): Promise<Uint8Array> {
  if (passphrase === '') throw new CoreError('ERR_TOPIC', 'an empty passphrase keeps nobody out')
  const words = toBytes(passphrase)
  const salt = sodiumCrypto().hash([toBytes(topicName)])
  return new Promise((resolve, reject) => {
    scrypt(words, salt, SECRET_BYTES, COST, (error, secret) => {
      if (error) reject(error)
      else resolve(Uint8Array.from(secret))
    })
  })
}

function toBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text.normalize('NFC'))
}
