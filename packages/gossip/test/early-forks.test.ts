// Proofs of forks that come before the first word of their author, as they do to who has just come.

import { createRecord, encodeForkProof, type ForkProof, type Identity, PREV_BYTES } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import type { Output } from '../src/machine.js'
import { author, createBench, crypto, faultOf, identityOf, recordOf, seqsOf, topic } from './frame-bench.js'
import { bytes, ENGINES } from './network.js'

/** Its author says another thing in place of its second record. */
function proofBy(by: Identity): ForkProof {
  const prev = new Uint8Array(PREV_BYTES)
  const draft = { epoch: 7, firstSeq: 1, time: 0, prev, messages: [bytes('otherwise')] }
  return encodeForkProof(recordOf(1, 5, by), createRecord(draft, topic, by, crypto))
}

const forksOf = (outputs: readonly Output[]) => outputs.flatMap((one) => (one.type === 'fork' ? [one.fork.author] : []))

describe.each(ENGINES)('a fork that is told before its author is heard (%s)', (_name, engine) => {
  it('is told with the first word, once, and nothing is delivered from there on', () => {
    const bench = createBench(engine, 2)
    for (const peer of [1, 2]) expect(forksOf(bench.send(peer, { type: 'fork', proof: proofBy(author) }))).toEqual([])
    const outputs = bench.record(1, recordOf(0))
    expect([seqsOf(outputs), forksOf(outputs)]).toEqual([[0], [author.id]])
    expect(seqsOf(bench.record(1, recordOf(1)))).toEqual([])
  })

  it('waits for the first word though a neighbour tells of a hundred that it invented', () => {
    const bench = createBench(engine, 2)
    bench.send(2, { type: 'fork', proof: proofBy(author) })
    for (let seed = 101; seed < 201; seed++) bench.send(1, { type: 'fork', proof: proofBy(identityOf(seed)) })
    expect(forksOf(bench.record(1, recordOf(0)))).toEqual([author.id])
    expect(forksOf(bench.record(1, recordOf(0, 5, identityOf(101))))).toEqual([])
    expect(forksOf(bench.record(1, recordOf(0, 5, identityOf(200))))).toEqual([identityOf(200).id])
  })

  it('ends the link of who told of it if there is none', () => {
    const bench = createBench(engine, 2)
    const [head, other] = proofBy(author)
    const forged = Uint8Array.from(other)
    forged[forged.byteLength - 1] = (forged.at(-1) ?? 0) ^ 1
    expect(faultOf(bench.send(2, { type: 'fork', proof: [head, forged] }))).toBeUndefined()
    expect(faultOf(bench.record(1, recordOf(0)))).toMatchObject({ peer: 2, code: 'ERR_RECORD_FORGED', ban: true })
  })
})
