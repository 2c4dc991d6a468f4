// The part of protomux that we use. It ships no types; none of these reaches a public declaration.

declare module 'protomux' {
  interface State {
    start: number
    end: number
    buffer: Uint8Array | null
  }

  interface Encoding<Value> {
    preencode(state: State, value: Value): void
    encode(state: State, value: Value): void
    decode(state: State): Value
  }

  interface MessageOptions<Value> {
    encoding: Encoding<Value>
    onmessage: (value: Value) => void
  }

  interface ProtomuxMessage<Value> {
    send(value: Value): boolean
  }

  interface ChannelOptions<Handshake> {
    protocol: string
    id: Uint8Array | null
    handshake: Encoding<Handshake>
    onopen: (handshake: Handshake) => void
    onclose: (isRemote: boolean) => void
    ondrain: () => void
  }

  interface ProtomuxChannel<Handshake> {
    open(handshake: Handshake): void
    addMessage<Value>(options: MessageOptions<Value>): ProtomuxMessage<Value>
    close(): void
  }

  class Protomux {
    constructor(stream: object)
    /** False from a write that filled the stream until its 'drain'. */
    readonly drained: boolean
    /** Our channels by local id less one, and the ids among them that are free. */
    readonly _local: readonly unknown[]
    readonly _free: readonly number[]
    /** By protocol, `##` and id in hex: the local ids whose open the remote has not answered. */
    readonly _infos: ReadonlyMap<string, { readonly outgoing: readonly number[] }>
    createChannel<Handshake>(options: ChannelOptions<Handshake>): ProtomuxChannel<Handshake> | null
  }

  export default Protomux
}
