// A transport that a node can do without: where it cannot listen, the node lives by the others, and says so.

import { hasCode, type Transport } from '@hearsay/core'

/** The transport, whose `listen` warns where it would reject; it still dials. */
export function listeningIfPossible(transport: Transport): Transport {
  return {
    scheme: transport.scheme,
    capabilities: transport.capabilities,
    dial: (...given) => transport.dial(...given),
    close: () => transport.close(),
    async listen(options, onStream) {
      try {
        return await transport.listen(options, onStream)
      } catch (error) {
        if (hasCode(error, 'ERR_CLOSED')) throw error
        options.onWarning?.(error instanceof Error ? error : new Error(String(error)))
        return { addresses: [], close: async () => {} }
      }
    },
  }
}
