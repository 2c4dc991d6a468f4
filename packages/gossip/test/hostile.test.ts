// What a hostile neighbour may send, tried on the machine itself and through a relay in the middle.

import {
  createIdentity,
  createRecord,
  createTopic,
  encodeForkProof,
  encodeRecord,
  type Identity,
  PREV_BYTES,
  type SignedRecord,
  seededRandom,
  sodiumCrypto,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { decodeFrame, encodeFrame, type Machine, type Output, resolveLimits } from '../src/machine.js'
import { OWED_MS } from '../src/repair/fillings.js'
import { at, bytes, ENGINES } from './network.js'

const crypto = sodiumCrypto()
const topic = createTopic('test')
const identityOf = (seed: number): Identity => createIdentity({ seed: new Uint8Array(32).fill(seed) })
const self = identityOf(1)
const neighbour = identityOf(2)
const author = identityOf(3)

describe.each(ENGINES)('%s', (_name, engine) => {
  interface Bench {
    readonly machine: Machine
    /** Feeds a frame from the neighbour on channel 1, and answers what came out. */
    frame(frame: Uint8Array, now?: number): readonly Output[]
  }

  function createBench(
    limits: Parameters<typeof resolveLimits>[0] = {},
    peers: readonly number[] = [1],
    window = 1e9,
  ): Bench {
    const machine = engine().createMachine({ topic, author: self, epoch: 1, crypto, limits: resolveLimits(limits) })
    const hello = encodeFrame({ type: 'hello', author: neighbour.id, epoch: 5, presentMs: 0, since: 'live', heads: [] })
    for (const peer of peers) {
      machine.handle({ type: 'peer-up', peer, remote: neighbour.id, window }, 0)
      machine.handle({ type: 'frame', peer, frame: hello }, 0)
    }
    return { machine, frame: (frame, now = 0) => machine.handle({ type: 'frame', peer: 1, frame }, now) }
  }

  function recordOf(place: { epoch?: number; firstSeq?: number; text?: string; by?: Identity }): SignedRecord {
    const { epoch = 7, firstSeq = 0, text = 'hello', by = author } = place
    const prev = prevOf({ epoch, firstSeq, by })
    return createRecord({ epoch, firstSeq, time: 1_750_000_000_000, prev, messages: [bytes(text)] }, topic, by, crypto)
  }

  /** What joins the record to the one before it, which says `hello`. One far from its beginning joins to nothing known. */
  function prevOf({ epoch, firstSeq, by }: { epoch: number; firstSeq: number; by: Identity }): Uint8Array {
    if (firstSeq === 0 || firstSeq > 100) return new Uint8Array(PREV_BYTES)
    return recordOf({ epoch, firstSeq: firstSeq - 1, by }).id.slice(0, PREV_BYTES)
  }

  const frameOf = (record: SignedRecord, hops = 0): Uint8Array =>
    encodeFrame({ type: 'record', hops, record: encodeRecord(record) })
  const typesOf = (outputs: readonly Output[]): string[] => outputs.map(({ type }) => type)
  const faultOf = (outputs: readonly Output[]): Output | undefined => outputs.find(({ type }) => type === 'misbehaved')
  const delivered = (outputs: readonly Output[]): number[] =>
    outputs.flatMap((output) => (output.type === 'deliver' ? [output.delivery.seq] : []))

  describe('a relay that changes a record', () => {
    const frame = frameOf(recordOf({}))
    const positions = Array.from(frame, (_, index) => index).filter((index) => index !== 1)

    it('is caught at the next node whatever byte it changes: nothing is delivered and the link ends', () => {
      for (const position of positions) {
        for (const flip of [0x01, 0x80]) {
          const changed = frame.slice()
          changed[position] = (changed[position] ?? 0) ^ flip
          const outputs = createBench().frame(changed)
          expect(delivered(outputs), `byte ${position}`).toEqual([])
          expect(faultOf(outputs), `byte ${position}`).toMatchObject({
            peer: 1,
            code: expect.stringMatching(/^ERR_(FRAME|RECORD)/),
          })
        }
      }
    })

    it('is caught also when it changes a record that was delivered already', () => {
      for (const position of positions.slice(1)) {
        const bench = createBench()
        bench.frame(frame)
        const changed = frame.slice()
        changed[position] = (changed[position] ?? 0) ^ 0x01
        expect(faultOf(bench.frame(changed)), `byte ${position}`).toBeDefined()
      }
    })

    it('is banned for a signature that is plainly false', () => {
      const changed = frame.slice()
      changed[changed.length - 1] = 0x21
      expect(faultOf(createBench().frame(changed))).toMatchObject({ code: 'ERR_RECORD_FORGED', ban: true })
    })

    it('cannot move a record to another topic', () => {
      const elsewhere = createTopic('elsewhere')
      const draft = { epoch: 7, firstSeq: 0, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [bytes('x')] }
      const outputs = createBench().frame(frameOf(createRecord(draft, elsewhere, author, crypto)))
      expect(faultOf(outputs)).toMatchObject({ code: 'ERR_RECORD_FORGED' })
    })

    it('may lie about the hops: they are a hint, and never above 255', () => {
      const [delivery] = createBench().frame(frameOf(recordOf({}), 255))
      expect(delivery).toMatchObject({ type: 'deliver', delivery: { hops: 255 } })
    })
  })

  describe('replay', () => {
    it('one record replayed 1,000 times is delivered once', () => {
      const bench = createBench()
      const frame = frameOf(recordOf({}))
      const all = Array.from({ length: 1_000 }, () => delivered(bench.frame(frame)))
      expect(all.flat()).toEqual([0])
    })

    it('a record is not delivered again after the history has let it go', () => {
      const bench = createBench({ capacity: 2 })
      const frames = [0, 1, 2, 3].map((firstSeq) => frameOf(recordOf({ firstSeq })))
      for (const frame of frames) bench.frame(frame)
      expect(frames.flatMap((frame) => delivered(bench.frame(frame)))).toEqual([])
    })

    it('records of an epoch that was forgotten are refused, and told as dropped', () => {
      const bench = createBench({ maxEpochsPerAuthor: 2 })
      for (const epoch of [10, 11, 12]) bench.frame(frameOf(recordOf({ epoch })))
      const outputs = bench.frame(frameOf(recordOf({ epoch: 10, firstSeq: 1 })))
      expect(typesOf(outputs)).toEqual(['drop'])
      expect(outputs[0]).toMatchObject({ drop: { reason: 'authors', epoch: 10 } })
    })

    it('invented authors beyond the bound are refused, and told as dropped', () => {
      const bench = createBench({ maxEpochs: 2, maxCounters: 0 })
      bench.frame(frameOf(recordOf({ by: identityOf(10) })))
      bench.frame(frameOf(recordOf({ by: identityOf(11) })))
      expect(typesOf(bench.frame(frameOf(recordOf({ by: identityOf(12) }))))).toEqual(['drop'])
      expect(delivered(bench.frame(frameOf(recordOf({ by: identityOf(11), firstSeq: 1 }))))).toEqual([1])
    })
  })

  describe('numbers from the network', () => {
    it('an epoch of 2^53 ends the link with a code', () => {
      const frame = frameOf(recordOf({ epoch: Number.MAX_SAFE_INTEGER }))
      // The shortest spelling of 2^53 - 1 takes nine bytes: the prefix and 64 bits, low half first.
      const at = 2 + 2 + 1
      expect(frame[at - 1]).toBe(0xff)
      frame.set([0, 0, 0, 0, 0, 0, 0x20, 0], at)
      expect(faultOf(createBench().frame(frame))).toMatchObject({ code: 'ERR_RECORD' })
    })

    it('the highest epoch and the highest sequence number are delivered', () => {
      const record = recordOf({ epoch: Number.MAX_SAFE_INTEGER, firstSeq: Number.MAX_SAFE_INTEGER })
      const bench = createBench({ settleMs: 0 })
      expect(delivered(bench.frame(frameOf(record)))).toEqual([Number.MAX_SAFE_INTEGER])
    })

    it('a jump of the sequence number becomes one gap, with no allocation by its size', () => {
      const bench = createBench({ holdMs: 1_000 })
      bench.frame(frameOf(recordOf({})))
      const far = 2 ** 52
      expect(delivered(bench.frame(frameOf(recordOf({ firstSeq: far })), 0))).toEqual([])
      for (const now of [1_000, 1_400]) expect(delivered(bench.machine.handle({ type: 'timer' }, now))).toEqual([])
      const outputs = bench.machine.handle({ type: 'timer' }, OWED_MS)
      expect(outputs[0]).toMatchObject({ type: 'gap', gap: { from: 1, to: far } })
      expect(delivered(outputs)).toEqual([far])
    })

    it('many jumps at once are held only up to the bound', () => {
      const bench = createBench({ maxHeld: 8 })
      bench.frame(frameOf(recordOf({})))
      const outputs = Array.from({ length: 20 }, (_, index) =>
        bench.frame(frameOf(recordOf({ firstSeq: 10 + 2 * index }))),
      )
      const all = outputs.flat()
      expect(delivered(all).length).toBe(12)
      expect(all.filter(({ type }) => type === 'gap').length).toBe(12)
    })

    it('records that wait are held only up to the bytes of the history', () => {
      const bench = createBench({ capacityBytes: 10_000 }, [1, 2])
      bench.frame(frameOf(recordOf({})))
      const outputs = Array.from({ length: 30 }, (_, index) =>
        bench.frame(frameOf(recordOf({ firstSeq: 2 + 2 * index, text: 'x'.repeat(1_000) }))),
      )
      expect(delivered(outputs.flat()).length).toBeGreaterThanOrEqual(21)
    })

    it.each([
      ['an empty frame', []],
      ['an unknown type', [9]],
      ['a record frame without a record', [1]],
      [
        'a second hello',
        [...encodeFrame({ type: 'hello', author: neighbour.id, epoch: 1, presentMs: 0, since: 'live', heads: [] })],
      ],
      ['a hello that declares 2^32 heads', [0, ...new Array(32).fill(1), 1, 0, 0xfe, 0xff, 0xff, 0xff, 0xff]],
      ['a number spelt longer than needed', [2, 0xfd, 0, 0, 0]],
    ])('%s ends the link with a code', (_name, frame) => {
      expect(faultOf(createBench().frame(Uint8Array.from(frame)))).toMatchObject({
        code: expect.stringMatching(/^ERR_(FRAME|RECORD)$/),
      })
    })

    it('a neighbour that says no hello within ten seconds loses its link', () => {
      const bench = createBench({}, [])
      const outputs = bench.machine.handle({ type: 'peer-up', peer: 1, remote: neighbour.id, window: 1e9 }, 0)
      expect(outputs).toContainEqual({ type: 'wake', at: 10_000 })
      expect(bench.machine.handle({ type: 'timer' }, 9_999)).toEqual([{ type: 'wake', at: 10_000 }])
      expect(faultOf(bench.machine.handle({ type: 'timer' }, 10_000))).toMatchObject({ code: 'ERR_FRAME', peer: 1 })
    })

    it('a frame before the hello ends the link with a code', () => {
      const bench = createBench({}, [])
      bench.machine.handle({ type: 'peer-up', peer: 1, remote: neighbour.id, window: 100 }, 0)
      expect(faultOf(bench.frame(frameOf(recordOf({}))))).toMatchObject({ code: 'ERR_FRAME' })
    })

    it('junk never throws and never delivers', () => {
      const random = seededRandom(20_261_121)
      for (let round = 0; round < 20_000; round++) {
        const junk = random.bytes(random.below(200))
        if (junk.length > 0) junk[0] = random.below(4)
        expect(delivered(createBench().frame(junk))).toEqual([])
      }
    })
  })

  describe('order', () => {
    it('records that overtake each other on two paths are delivered in order', () => {
      const bench = createBench({}, [1, 2])
      const seqs = [0, 3, 1, 4, 2, 5].flatMap((firstSeq) => delivered(bench.frame(frameOf(recordOf({ firstSeq })))))
      expect(seqs).toEqual([0, 1, 2, 3, 4, 5])
    })

    it('an author first heard mid-stream waits a moment for what another path may still bring', () => {
      const bench = createBench({ settleMs: 100 }, [1, 2])
      expect(delivered(bench.frame(frameOf(recordOf({ firstSeq: 6 }))))).toEqual([])
      expect(delivered(bench.frame(frameOf(recordOf({ firstSeq: 5 })), 50))).toEqual([])
      expect(delivered(bench.machine.handle({ type: 'timer' }, 100))).toEqual([5, 6])
    })

    it('an author that is the only neighbour is delivered at once though it is first heard mid-stream', () => {
      expect(delivered(createBench().frame(frameOf(recordOf({ by: neighbour, epoch: 5, firstSeq: 6 }))))).toEqual([6])
    })

    it('nothing is lost behind a lone relay that heard the second record of an author before the first', () => {
      const bench = createBench()
      const outputs = [1, 0].flatMap((firstSeq) => [...bench.frame(frameOf(recordOf({ firstSeq })))])
      expect(delivered(outputs)).toEqual([0, 1])
    })

    it('a hole right behind the first record has as long as any other, though the author was first heard mid-stream', () => {
      const bench = createBench({ settleMs: 100, holdMs: 1_000 }, [1, 2])
      bench.frame(frameOf(recordOf({ firstSeq: 5 })), 0)
      bench.frame(frameOf(recordOf({ firstSeq: 0 })), 50)
      bench.frame(encodeFrame({ type: 'name', author: author.id, epoch: 7 }), 60)
      bench.machine.handle({ type: 'timer' }, 150)
      bench.frame(encodeFrame({ type: 'none', ranges: [{ name: 0, first: 1, count: 4 }] }), 200)
      for (const now of [200, 600]) bench.machine.handle({ type: 'timer' }, now)
      expect(typesOf(bench.machine.handle({ type: 'timer' }, 1_049))).not.toContain('gap')
      expect(typesOf(bench.machine.handle({ type: 'timer' }, 1_050))).toContain('gap')
    })

    it('what arrives after its gap was told is passed on but not delivered', () => {
      const bench = createBench({ holdMs: 100 }, [1, 2])
      bench.frame(frameOf(recordOf({ firstSeq: 0 })))
      bench.frame(frameOf(recordOf({ firstSeq: 2 })))
      bench.machine.handle({ type: 'timer' }, OWED_MS)
      const late = bench.frame(frameOf(recordOf({ firstSeq: 1 })), OWED_MS + 1)
      expect(delivered(late)).toEqual([])
      expect(typesOf(late)).toContain('send')
    })

    it('a timer that comes late or twice changes nothing', () => {
      const bench = createBench()
      bench.frame(frameOf(recordOf({})))
      for (const now of [5, 5, 1_000_000]) expect(bench.machine.handle({ type: 'timer' }, now)).toEqual([])
    })
  })

  describe('equivocation', () => {
    it('two valid records for one place are told as a fork once, and only the first is delivered', () => {
      const bench = createBench()
      const outputs = ['one', 'two', 'three'].flatMap((text) => [...bench.frame(frameOf(recordOf({ text })))])
      expect(delivered(outputs)).toEqual([0])
      expect(outputs.filter(({ type }) => type === 'fork')).toHaveLength(1)
      expect(outputs.some(({ type }) => type === 'misbehaved')).toBe(false)
    })

    it('another process that signs with this key in this epoch is told as a fork, not delivered', () => {
      const bench = createBench()
      bench.machine.handle({ type: 'publish', payloads: [bytes('mine')], wall: 0 }, 0)
      const outputs = bench.frame(frameOf(recordOf({ by: self, epoch: 1, text: 'theirs' })))
      expect(typesOf(outputs)).toEqual(['fork', 'send'])
    })
  })

  describe('a fork', () => {
    const two = recordOf({ text: 'two' })
    const follower = recordOf({ firstSeq: 1 })
    /** The frames of one type that were sent, with whom to. */
    const sent = (outputs: readonly Output[], type: string): number[] =>
      outputs.flatMap((o) => (o.type === 'send' && decodeFrame(o.frame).type === type ? [o.peer] : []))

    it('is found when a record names another one before it than we hold', () => {
      const bench = createBench()
      bench.frame(frameOf(two))
      const outputs = bench.frame(frameOf(follower))
      expect(delivered(outputs)).toEqual([])
      expect(typesOf(outputs)).toContain('fork')
    })

    it('is found when the record before it comes later', () => {
      const bench = createBench()
      bench.frame(frameOf(follower))
      expect(typesOf(bench.frame(frameOf(two)))).toContain('fork')
    })

    it('freezes the epoch: what was said before it is delivered, nothing from it on', () => {
      const bench = createBench()
      bench.frame(frameOf(recordOf({})))
      bench.frame(frameOf(follower))
      bench.frame(frameOf(recordOf({ firstSeq: 1, text: 'other' })))
      const outputs = [2, 3].flatMap((firstSeq) => [...bench.frame(frameOf(recordOf({ firstSeq })))])
      expect(outputs).toEqual([])
      expect(delivered(bench.frame(frameOf(recordOf({ epoch: 8 }))))).toEqual([0])
    })

    it('is told to every neighbour once, and to one that comes later', () => {
      const bench = createBench({}, [1, 2, 3])
      bench.frame(frameOf(recordOf({})))
      expect(sent(bench.frame(frameOf(two)), 'fork')).toEqual([1, 2, 3])
      expect(sent(bench.frame(frameOf(recordOf({ text: 'three' }))), 'fork')).toEqual([])
      bench.machine.handle({ type: 'peer-up', peer: 4, remote: neighbour.id, window: 1e9 }, 0)
      const hello = encodeFrame({
        type: 'hello',
        author: neighbour.id,
        epoch: 5,
        presentMs: 0,
        since: 'live',
        heads: [],
      })
      expect(sent(bench.machine.handle({ type: 'frame', peer: 4, frame: hello }, 0), 'fork')).toEqual([4])
    })

    it('that a neighbour proves is believed, told on to the others, and told to the application', () => {
      const bench = createBench({}, [1, 2])
      bench.frame(frameOf(recordOf({})))
      const proof = encodeForkProof(recordOf({}), two)
      const outputs = bench.frame(encodeFrame({ type: 'fork', proof }))
      expect(outputs.find(({ type }) => type === 'fork')).toMatchObject({ fork: { author: author.id, epoch: 7 } })
      expect(sent(outputs, 'fork')).toEqual([2])
      expect(bench.frame(encodeFrame({ type: 'fork', proof }))).toEqual([])
    })

    it('of an author that is not followed is left alone', () => {
      const bench = createBench()
      expect(bench.frame(encodeFrame({ type: 'fork', proof: encodeForkProof(recordOf({}), two) }))).toEqual([])
    })

    it.each([
      ['one header twice', encodeForkProof(two, two)],
      [
        'another topic',
        encodeForkProof(...(['a', 'b'].map((text) => elsewhere(text)) as [SignedRecord, SignedRecord])),
      ],
    ])('that proves nothing (%s) ends the link', (_what, proof) => {
      const bench = createBench()
      bench.frame(frameOf(recordOf({})))
      expect(faultOf(bench.frame(encodeFrame({ type: 'fork', proof })))).toMatchObject({
        code: 'ERR_FRAME',
        ban: false,
      })
    })

    it('costs a neighbour without window no more than sixty-four proofs', () => {
      const bench = createBench({}, [1], 1)
      for (let epoch = 1; epoch <= 100; epoch++) {
        for (const text of ['a', 'b']) bench.frame(frameOf(recordOf({ epoch, text, by: createIdentity() })))
      }
      const forker = createIdentity()
      for (let epoch = 10; epoch < 26; epoch++) {
        for (const text of ['a', 'b']) bench.frame(frameOf(recordOf({ epoch, text, by: forker })))
      }
      const outputs = bench.machine.handle({ type: 'window', peer: 1, bytes: 1e9 }, 0)
      expect(sent(outputs, 'fork').length).toBeLessThanOrEqual(64)
      expect(sent(outputs, 'fork').length).toBeGreaterThan(0)
    })
  })

  function elsewhere(text: string): SignedRecord {
    const draft = { epoch: 7, firstSeq: 0, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [bytes(text)] }
    return createRecord(draft, createTopic('elsewhere'), author, crypto)
  }

  describe('flow', () => {
    it('a peer without window is sent nothing more, told as blocked once, and served on when it has window again', () => {
      const machine = engine().createMachine({ topic, author: self, epoch: 1, crypto, limits: resolveLimits() })
      machine.handle({ type: 'peer-up', peer: 1, remote: neighbour.id, window: 1 }, 0)
      machine.handle(
        {
          type: 'frame',
          peer: 1,
          frame: encodeFrame({ type: 'hello', author: neighbour.id, epoch: 5, presentMs: 0, since: 'live', heads: [] }),
        },
        0,
      )
      const first = machine.handle({ type: 'publish', payloads: [bytes('a')], wall: 0 }, 0)
      const second = machine.handle({ type: 'publish', payloads: [bytes('b')], wall: 0 }, 0)
      expect(typesOf([...first, ...second]).filter((type) => type === 'blocked' || type === 'send')).toEqual([
        'blocked',
      ])
      const resumed = machine.handle({ type: 'window', peer: 1, bytes: 10_000 }, 0)
      const frames = resumed.flatMap((output) => (output.type === 'send' ? [decodeFrame(output.frame).type] : []))
      expect(frames).toEqual(['record', 'record'])
      expect(at(resumed, 1)).toMatchObject({ type: 'pushed', from: 0, to: 1 })
    })

    it('the hello waits for window too, and comes before everything else', () => {
      const machine = engine().createMachine({ topic, author: self, epoch: 1, crypto, limits: resolveLimits() })
      expect(typesOf(machine.handle({ type: 'peer-up', peer: 1, remote: neighbour.id, window: 0 }, 0))).not.toContain(
        'send',
      )
      machine.handle({ type: 'publish', payloads: [bytes('a')], wall: 0 }, 0)
      const hello = encodeFrame({
        type: 'hello',
        author: neighbour.id,
        epoch: 5,
        presentMs: 0,
        since: 'live',
        heads: [],
      })
      machine.handle({ type: 'frame', peer: 1, frame: hello }, 0)
      const resumed = machine.handle({ type: 'window', peer: 1, bytes: 10_000 }, 0)
      const frames = resumed.flatMap((output) => (output.type === 'send' ? [decodeFrame(output.frame).type] : []))
      expect(frames).toEqual(['hello', 'record'])
    })
  })

  describe('acknowledgements', () => {
    const acksIn = (outputs: readonly Output[]) =>
      outputs
        .flatMap((output) => (output.type === 'send' ? [decodeFrame(output.frame)] : []))
        .filter(({ type }) => type === 'ack')

    it('a run that was delivered while there was no window is told although a gap has followed it', () => {
      const bench = createBench({ holdMs: 100 }, [1], 1)
      for (const firstSeq of [0, 1, 4]) bench.frame(frameOf(recordOf({ by: neighbour, epoch: 5, firstSeq })))
      bench.machine.handle({ type: 'timer' }, OWED_MS)
      expect(acksIn(bench.machine.handle({ type: 'window', peer: 1, bytes: 1e6 }, OWED_MS))).toEqual([
        { type: 'ack', from: 0, to: 2 },
        { type: 'ack', from: 4, to: 5 },
      ])
    })

    it('what lies between more runs than are tracked does not count as confirmed: a newcomer is sent it', () => {
      const bench = createBench()
      const seqs = Array.from({ length: 200 }, (_, seq) => seq)
      for (const seq of seqs) bench.machine.handle({ type: 'publish', payloads: [bytes(String(seq))], wall: 0 }, 0)
      for (const seq of seqs) if (seq % 2 === 0) bench.frame(encodeFrame({ type: 'ack', from: seq, to: seq + 1 }))
      bench.machine.handle({ type: 'peer-up', peer: 2, remote: author.id, window: 1e9 }, 1)
      const hello = encodeFrame({ type: 'hello', author: author.id, epoch: 5, presentMs: 0, since: 'live', heads: [] })
      const outputs = bench.machine.handle({ type: 'frame', peer: 2, frame: hello }, 1)
      const pushed = outputs.flatMap((output) => (output.type === 'pushed' ? [output.from] : []))
      expect(pushed).toEqual(seqs.filter((seq) => seq % 2 === 1))
    })
  })
})
