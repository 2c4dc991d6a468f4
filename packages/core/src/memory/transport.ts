// The reference transport: streams between nodes on one hub, under `memory://name`.

import { type Address, parseAddress, printAddress } from '../address.js'
import type { ByteStream } from '../contracts/stream.js'
import type { IncomingStream, Listener, ListenOptions, Transport } from '../contracts/transport.js'
import { CoreError } from '../errors.js'
import type { MemoryHub } from './hub.js'
import { type MemoryStreamOptions, memoryStreamPair } from './stream.js'

/** A transport of scheme `memory`: `host` is the name, chosen by the hub if left out; ports mean nothing. */
export function memoryTransport(hub: MemoryHub, options: MemoryStreamOptions = {}): Transport {
  const ownNames = new Set<string>()
  let closed = false
  const checkOpen = (): void => {
    if (closed) throw new CoreError('ERR_CLOSED', 'the transport is closed')
  }

  const free = (name: string): void => {
    if (ownNames.delete(name)) hub.listeners.delete(name)
  }

  return {
    scheme: 'memory',
    capabilities: { listen: true, authenticated: false, responderSpeaksFirst: true },

    async listen(where: ListenOptions, onStream: (incoming: IncomingStream) => void): Promise<Listener> {
      checkOpen()
      const name = where.host ?? hub.freshName()
      const address = toAddress(name)
      if (hub.listeners.has(name)) throw new CoreError('ERR_LISTEN', `${printAddress(address)} is taken`)
      hub.listeners.set(name, onStream)
      ownNames.add(name)
      // Free once: the name may belong to somebody else by the second call.
      let listening = true
      const close = async (): Promise<void> => {
        if (listening) free(name)
        listening = false
      }
      return { addresses: [address], close }
    },

    async dial(address: Address, { signal }: { readonly signal?: AbortSignal } = {}): Promise<ByteStream> {
      checkOpen()
      // The answer comes later, as on any network: a signal or a close in between must be heeded.
      await null
      if (signal?.aborted) throw new CoreError('ERR_ABORTED', 'dialling was aborted', { cause: signal.reason })
      checkOpen()
      const onStream = address.scheme === 'memory' ? hub.listeners.get(address.host) : undefined
      if (!onStream) throw new CoreError('ERR_DIAL', `nobody listens at ${printAddress(address)}`)
      const [near, far] = memoryStreamPair(options)
      onStream({ stream: far, address: null })
      return near
    },

    async close(): Promise<void> {
      closed = true
      for (const name of [...ownNames]) free(name)
    },
  }
}

function toAddress(name: string): Address {
  try {
    return parseAddress(`memory://${name}`)
  } catch (cause) {
    throw new CoreError('ERR_LISTEN', 'not a memory name', { cause })
  }
}
