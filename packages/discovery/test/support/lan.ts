// A local network in virtual time: machines as nodes, every packet reaches everybody (its sender too) after a millisecond.

import { seededRandom, type Topic } from '@hearsay/core'
import { type VirtualClock, virtualClock } from '@hearsay/core/memory'
import {
  createMdnsMachine,
  fromPacket,
  type MdnsInput,
  type MdnsOutput,
  type MdnsWish,
  toPacket,
} from '../../src/machine.js'

export interface Sent {
  readonly from: string
  readonly at: number
  readonly packet: ReturnType<typeof toPacket>
}

export class Lan {
  readonly clock: VirtualClock = virtualClock()
  readonly sent: Sent[] = []
  readonly nodes: LanNode[] = []

  add(source: string, seed: number): LanNode {
    const node = new LanNode(this, source, seed)
    this.nodes.push(node)
    return node
  }

  carry(from: string, packet: ReturnType<typeof toPacket>): void {
    this.sent.push({ from, at: this.clock.now(), packet })
    this.clock.setTimer(1, () => {
      for (const node of this.nodes) node.hear(from, packet)
    })
  }
}

export class LanNode {
  readonly outputs: (MdnsOutput & { at: number })[] = []
  readonly machine: ReturnType<typeof createMdnsMachine>
  /** What `wake` tells the machine. */
  lonely = true
  readonly #lan: Lan
  readonly #source: string
  #wake = { cancel: () => {} }

  constructor(lan: Lan, source: string, seed: number) {
    this.#lan = lan
    this.#source = source
    this.machine = createMdnsMachine({ random: seededRandom(seed) })
  }

  feed(input: MdnsInput): MdnsOutput[] {
    const { clock } = this.#lan
    const outputs = this.machine.handle(input, clock.now())
    for (const output of outputs) {
      this.outputs.push({ ...output, at: clock.now() })
      if (output.type === 'send') this.#lan.carry(this.#source, toPacket(output.message, this.#source))
      if (output.type === 'wake') {
        this.#wake.cancel()
        this.#wake = clock.setTimer(output.at - clock.now(), () => this.feed({ type: 'wake', lonely: this.lonely }))
      }
    }
    return outputs
  }

  /** Up on one interface, which is all there is. */
  start(): this {
    this.feed({ type: 'up', interface: 'eth0' })
    this.feed({ type: 'scanned' })
    return this
  }

  join(session: number, topic: Topic, wish: MdnsWish): this {
    this.feed({ type: 'join', session, topic, wish })
    return this
  }

  hear(source: string, packet: unknown): void {
    const message = fromPacket(packet)
    if (message) this.feed({ type: 'message', interface: 'eth0', source, message })
  }

  of<Type extends MdnsOutput['type']>(type: Type): Extract<MdnsOutput & { at: number }, { type: Type }>[] {
    return this.outputs.filter((output) => output.type === type) as Extract<
      MdnsOutput & { at: number },
      { type: Type }
    >[]
  }
}
