// The parts that we use of libraries that ship no types. None of these reaches a public declaration.

interface NoiseKeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

interface NoiseCurve {
  readonly DHLEN: number
  readonly PKLEN: number
  readonly SKLEN: number
  readonly ALG: string
  generateKeyPair(secretKey?: Uint8Array): NoiseKeyPair
  dh(publicKey: Uint8Array, keyPair: NoiseKeyPair): Uint8Array
}

declare module 'noise-handshake' {
  class NoiseState {
    constructor(pattern: 'XX', initiator: boolean, keyPair: NoiseKeyPair, options: { readonly curve: NoiseCurve })
    /** The remote's static key, once it has been received. */
    readonly rs: Uint8Array | null
    /** The ephemeral key pair; made by `curve` when it is needed. */
    readonly complete: boolean
    readonly tx: Uint8Array | null
    readonly rx: Uint8Array | null
    readonly hash: Uint8Array | null
    initialise(prologue: Uint8Array): void
    send(payload?: Uint8Array): Uint8Array
    recv(message: Uint8Array): Uint8Array
  }
  export default NoiseState
}

declare module 'noise-handshake/dh.js' {
  const curve: NoiseCurve
  export default curve
}

declare module '@hyperswarm/secret-stream' {
  import type { MessageStream } from '@hearsay/core/mux'

  interface SecretStream extends MessageStream {
    alloc(length: number): Uint8Array
    /** Takes what the raw stream gives. */
    _onrawdata(data: Uint8Array): void
    /** Of streamx: `buffered` are bytes that were not read. */
    readonly _readableState: { readonly buffered: number }
    readonly rawStream: { resume(): void } | null
  }

  interface SecretStreamOptions {
    readonly handshake: {
      readonly tx: Uint8Array
      readonly rx: Uint8Array
      readonly hash: Uint8Array
      readonly publicKey: Uint8Array
      readonly remotePublicKey: Uint8Array
    }
    readonly data?: Uint8Array
  }

  const SecretStream: {
    new (isInitiator: boolean, raw: object, options: SecretStreamOptions): SecretStream
    /** As HyperDHT makes it: the raw stream may come later, and with it the handshake. */
    new (isInitiator: boolean, raw: object | null, options: object): SecretStream
  }
  export default SecretStream
}
