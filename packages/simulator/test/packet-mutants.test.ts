// Faults planted in the sources of uTP: a flood of forged calls shows a port that answers more than it hears, or that
// remembers every caller.

import type * as TransportMachine from '@hearsay/transport/machine'
import { describe, expect, it } from 'vitest'
import { type SourceFault, withFault } from '../../../tools/planted-fault.js'
import { UtpWorld } from '../src/index.js'

const SYNS = 500
const SYN_BYTES = 20
/** Callers that a port remembers who have not shown that they hear it. */
const MAX_STRANGERS = 64

/** A SYN of BEP 29: type 4, version 1. */
function syn(seq: number): Uint8Array {
  const bytes = new Uint8Array(SYN_BYTES)
  bytes[0] = 0x41
  const view = new DataView(bytes.buffer)
  view.setUint16(2, seq)
  view.setUint16(16, seq)
  return bytes
}

/** What is wrong after a flood of calls from hosts that are not there. */
function flood(createPort?: (options: TransportMachine.UtpPortOptions) => TransportMachine.UtpPort): readonly string[] {
  const world = new UtpWorld(1)
  const victim = world.host('victim', createPort ? { createPort } : {})
  let [answered, strangers] = [0, 0]
  world.onLostPacket = (_to, bytes) => {
    answered += bytes.byteLength
  }
  for (let seq = 0; seq < SYNS; seq++) {
    world.deliver({ host: `10.0.${seq >> 8}.${seq & 255}`, port: 1_024 }, victim.remote, syn(seq))
    strangers = Math.max(strangers, victim.port.counts.strangers)
  }
  world.run(60e6)
  return [
    ...(answered > SYNS * SYN_BYTES ? [`answers ${answered} bytes to ${SYNS * SYN_BYTES}`] : []),
    ...(strangers > MAX_STRANGERS ? [`remembers ${strangers} callers`] : []),
  ]
}

const MUTANTS: readonly (SourceFault & { readonly rule: string; readonly name: string; readonly says: RegExp })[] = [
  {
    ...{ rule: 'invariant 10', name: 'answers a forged call twice', says: /answers \d+ bytes/ },
    file: 'transport/src/utp/port.ts',
    find: "seq, ack: syn.seq } as const\n    this.#emit({ type: 'packet', remote, bytes: encodeBare(header) })",
    put: `seq, ack: syn.seq } as const
    for (const bytes of [encodeBare(header), encodeBare(header)]) this.#emit({ type: 'packet', remote, bytes })`,
  },
  {
    ...{ rule: 'invariant 5', name: 'remembers every caller', says: /remembers \d+ callers/ },
    file: 'transport/src/utp/strangers.ts',
    find: 'if (this.#table.size <= this.#most) break',
    put: 'break',
  },
]

describe('a fault in the sources of uTP', () => {
  it.each(MUTANTS)('$rule: a port that $name is caught', async ({ says, file, find, put }) => {
    const address = withFault('transport/src/machine.ts', { file, find, put })
    const transport: typeof TransportMachine = await import(address)
    expect(flood((options) => new transport.UtpPort(options)).join('\n')).toMatch(says)
  })

  it('shows nothing when there is none', () => {
    expect(flood()).toEqual([])
  })
})
