// The membership machine alone: who is held, who is let go, and what a remote that does not behave can make of it.

import { encodeAddressRecord as bytesOf, createAddressRecord, parseAddress, seededRandom } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import {
  decodeMembersFrame,
  encodeMembersFrame,
  type MembersFrame,
  type MembershipOutput,
  resolveMembership,
} from '../src/machine.js'
import { addressOf, busy, identityOf, type OutputOf, Scene, sent, typesOf } from './membership-scene.js'

describe('a node in need that all its peers have refused', () => {
  it('asks them again within a second, urgently, instead of resting for half a minute', () => {
    const scene = new Scene()
    // More are known than a full mesh takes, or nobody has a reason to refuse.
    for (let index = 100; index < 120; index++) {
      const candidate = { peer: identityOf(index).id, addresses: [addressOf(index)], source: 'members' }
      scene.feed({ type: 'candidate', candidate })
    }
    const asked = new Set<number>()
    for (let index = 1; index <= 6; index++) {
      for (const { type, handle } of sent(scene.up(index, { initiator: true }))) if (type === 'hold') asked.add(handle)
    }
    expect(asked.size).toBe(6)
    for (const handle of asked) scene.say(handle, { type: 'drop', degree: 10, tries: [] })
    const before = scene.out.length
    scene.pass(1_000)
    const again = sent(scene.out.slice(before)).flatMap((frame) =>
      frame.type === 'hold' && frame.urgent ? [frame] : [],
    )
    expect(new Set(again.map(({ handle }) => handle)).size).toBeGreaterThanOrEqual(3)
  })
})

describe('a node in need', () => {
  it('asks those again within a second or so that it let go, or that let it go, when it was in none', () => {
    const scene = busy(8)
    // More are known than a full mesh takes, or nobody would rest for long.
    for (let index = 100; index < 120; index++) {
      const candidate = { peer: identityOf(index).id, addresses: [addressOf(index)], source: 'members' }
      scene.feed({ type: 'candidate', candidate })
    }
    scene.say(1, { type: 'drop', degree: 9, tries: [] })
    scene.pass(1_100)
    scene.out.length = 0
    for (let index = 2; index <= 6; index++) scene.feed({ type: 'down', handle: index })
    scene.pass(100)
    const asked = sent(scene.out).filter(({ type }) => type === 'hold')
    expect(asked.map(({ handle }) => handle)).toContain(1)
  })
})

describe('a link', () => {
  it('carries the room from when both ends hold each other until one drops', () => {
    const scene = new Scene()
    expect(sent(scene.up(1)).map(({ type }) => type)).toContain('hold')
    expect(typesOf(scene.out)).not.toContain('activate')
    expect(typesOf(scene.hold(1))).toContain('activate')
    expect(typesOf(scene.hold(1))).not.toContain('activate')
    expect(typesOf(scene.say(1, { type: 'drop', degree: 3, tries: [] }))).toContain('deactivate')
    expect(scene.neighbours).toEqual([])
  })

  it('is let go when the remote does not answer within ten seconds', () => {
    const scene = new Scene()
    scene.up(1)
    scene.out.length = 0
    scene.pass(11_000)
    expect(sent(scene.out).map(({ type }) => type)).toContain('drop')
  })

  it('that takes the place of another carries the room on', () => {
    const scene = new Scene()
    scene.up(1)
    scene.hold(1)
    const { id } = identityOf(1)
    scene.feed({ type: 'up', handle: 101, remote: id, initiator: true, address: null })
    expect(scene.neighbours).toEqual([id])
    expect(typesOf(scene.hold(101))).toContain('activate')
    expect(typesOf(scene.feed({ type: 'down', handle: 1 }))).not.toContain('deactivate')
    expect(scene.neighbours).toEqual([id])
  })
})

describe('a node that has neighbours enough', () => {
  it('refuses who asks, and names neighbours that the asker may try, by their own records', () => {
    // Three places are for those whom it dials itself.
    const scene = busy(10)
    expect(scene.neighbours).toHaveLength(9)
    scene.up(50)
    const [answer] = sent(scene.hold(50))
    if (answer?.type !== 'drop') throw new Error(`it said ${answer?.type}`)
    expect(answer.tries).toHaveLength(5)
    expect(scene.neighbours).toHaveLength(9)
  })

  it('does not name those who did not want to be told of', () => {
    const scene = new Scene()
    for (let index = 1; index <= 10; index++) {
      scene.up(index)
      scene.hold(index, { tellable: false })
    }
    scene.up(50)
    expect(sent(scene.hold(50))).toMatchObject([{ type: 'drop', tries: [] }])
  })

  it('takes one in need while it has places, and then lets two at most go for those who have nobody', () => {
    const scene = busy(9)
    // Three of its own choice: the others leave them their places.
    for (const index of [40, 41, 42]) {
      scene.up(index, { initiator: true })
      scene.hold(index, { urgent: true })
    }
    const before = scene.neighbours.length
    for (let index = 60; index < 80; index++) {
      scene.up(index)
      scene.hold(index, { urgent: true, degree: 0 })
    }
    expect(scene.neighbours.length).toBeLessThanOrEqual(12)
    const fresh = scene.neighbours.filter((peer) =>
      Array.from({ length: 20 }, (_, at) => identityOf(60 + at).id).includes(peer),
    )
    expect(fresh.length).toBeLessThanOrEqual(2 + 12 - before)
    for (const index of [40, 41, 42]) expect(scene.neighbours).toContain(identityOf(index).id)
    for (const index of [1, 2, 3, 4]) expect(scene.neighbours).toContain(identityOf(index).id)
  })

  it('takes a few of one network only, where there are others', () => {
    const scene = new Scene()
    for (let index = 1; index <= 12; index++) {
      scene.feed({
        type: 'candidate',
        candidate: { peer: identityOf(200 + index).id, addresses: [addressOf(index)], source: 'found' },
      })
    }
    for (let index = 30; index < 60; index++) {
      scene.up(index, { address: parseAddress(`tcp://99.1.${index}.1:4000`) })
      scene.hold(index)
    }
    expect(scene.neighbours.length).toBeLessThanOrEqual(5)
  })
})

describe('a node in need', () => {
  it('dials several of those it knows at once, and the next ones when they do not come', () => {
    const scene = new Scene()
    for (let index = 1; index <= 40; index++) {
      const peer = identityOf(index).id
      scene.feed({ type: 'candidate', candidate: { peer, addresses: [addressOf(index)], source: 'found' } })
    }
    const wanted = (): number =>
      new Set(scene.out.flatMap((each) => (each.type === 'want' ? [each.candidate.peer] : []))).size
    expect(wanted()).toBeGreaterThanOrEqual(8)
    expect(wanted()).toBeLessThanOrEqual(12)
    scene.pass(1_100)
    expect(wanted()).toBeGreaterThanOrEqual(16)
  })

  it('dials the next one as soon as a neighbour is lost', () => {
    const scene = busy(6)
    for (const index of [40, 41, 42]) {
      scene.up(index, { initiator: true })
      scene.hold(index)
    }
    const peer = identityOf(30).id
    const candidate = { peer, addresses: [addressOf(30)], source: 'found' }
    expect(typesOf(scene.feed({ type: 'candidate', candidate }))).not.toContain('want')
    scene.out.length = 0
    for (const handle of [1, 2, 3]) scene.feed({ type: 'down', handle })
    const wants = scene.out.filter((each): each is OutputOf<'want'> => each.type === 'want')
    expect(wants.map(({ candidate }) => candidate.peer)).toContain(peer)
  })

  it('without lookup dials nobody', () => {
    const scene = new Scene({ lookup: false })
    scene.up(1)
    scene.hold(1)
    const record = createAddressRecord(identityOf(2), { seq: 1, addresses: [addressOf(2)] })
    scene.records.set(record.peer, record)
    scene.out.length = 0
    scene.feed({ type: 'down', handle: 1 })
    scene.pass(120_000)
    expect(typesOf(scene.out)).not.toContain('want')
    expect(typesOf(scene.out)).not.toContain('refresh')
  })
})

describe('what is remembered', () => {
  it('is at most 48 peers, of which nobody who tells much fills more than a part', () => {
    const scene = busy(10)
    for (let index = 0; index < 20; index++) {
      const peer = identityOf(300 + index).id
      scene.feed({ type: 'candidate', candidate: { peer, addresses: [addressOf(300 + index)], source: 'dht' } })
    }
    const referrer = identityOf(1).id
    for (let index = 0; index < 500; index++) {
      const peer = identityOf(1_000 + index).id
      const candidate = { peer, addresses: [addressOf(1_000 + index)], source: 'exchange', referrer }
      scene.feed({ type: 'candidate', candidate })
    }
    expect(scene.machine.passive).toBe(48)
    // Those that this node found by itself are still there.
    scene.out.length = 0
    for (let handle = 1; handle <= 10; handle++) scene.feed({ type: 'down', handle })
    scene.pass(60_000)
    const wants = scene.out.flatMap((each) => (each.type === 'want' ? [each.candidate] : []))
    const own = new Set(wants.filter(({ source }) => source === 'dht').map(({ peer }) => peer))
    expect(own.size).toBe(20)
  })

  it('holds nothing of a record that its peer did not sign', () => {
    const scene = busy(10)
    scene.up(50)
    scene.hold(50)
    const record = createAddressRecord(identityOf(77), { seq: 1, addresses: [addressOf(77)] })
    const forged = encodeMembersFrame({ type: 'drop', degree: 1, tries: [bytesOf(record)] })
    forged[forged.byteLength - 1] = (forged[forged.byteLength - 1] ?? 0) ^ 1
    const before = scene.machine.passive
    expect(typesOf(scene.feed({ type: 'frame', handle: 50, frame: forged }))).not.toContain('misbehaved')
    expect(scene.machine.passive).toBe(before)
  })
})

describe('a remote without a members channel', () => {
  it('is a neighbour as it is, while there is a place', () => {
    const scene = new Scene()
    const given = (index: number): readonly MembershipOutput[] => {
      const remote = identityOf(index).id
      return scene.feed({ type: 'given', remote, isUp: true, initiator: false, address: addressOf(index) })
    }
    expect(typesOf(given(1))).not.toContain('refuse')
    expect(scene.neighbours).toHaveLength(1)
    for (let index = 2; index <= 30; index++) given(index)
    expect(scene.neighbours.length).toBeLessThanOrEqual(12)
    expect(typesOf(scene.out)).toContain('refuse')
    const remote = identityOf(1).id
    scene.feed({ type: 'given', remote, isUp: false, initiator: false, address: null })
    expect(scene.neighbours).not.toContain(remote)
  })
})

describe('a remote that does not behave', () => {
  it('loses its link for a malformed frame, and for more than anybody needs to say', () => {
    for (const frame of [[], [0], [0, 32, 1], [0, 1, 2, 3], [1, 0, 6], [1, 0, 1, 4], [2, 1], [5, 65], [9]]) {
      const scene = new Scene()
      scene.up(1)
      const [output] = scene.feed({ type: 'frame', handle: 1, frame: Uint8Array.from(frame) })
      expect(output).toMatchObject({ type: 'misbehaved', handle: 1, code: 'ERR_FRAME' })
    }
    const scene = new Scene()
    scene.up(1)
    for (let count = 0; count < 100; count++) scene.say(1, { type: 'ping', nonce: count, degree: 1 })
    expect(scene.out).toContainEqual(expect.objectContaining({ type: 'misbehaved', code: 'ERR_FLOOD' }))
  })

  it('cannot make it throw, or have more than twelve neighbours, by any sequence of frames', () => {
    const random = seededRandom(7)
    const scene = new Scene()
    const frames: readonly (() => MembersFrame)[] = [
      () => ({
        type: 'hold',
        urgent: random.below(2) === 1,
        strange: random.below(2) === 1,
        trial: random.below(2) === 1,
        hungry: random.below(2) === 1,
        tellable: true,
        degree: random.below(256),
      }),
      () => ({ type: 'drop', degree: random.below(256), tries: [random.bytes(random.below(200))] }),
      () => ({ type: 'ping', nonce: random.below(2 ** 32), degree: random.below(256) }),
      () => ({ type: 'pong', nonce: random.below(2 ** 32) }),
      () => ({ type: 'ask' }),
      () => ({ type: 'view', names: [random.bytes(8)] }),
    ]
    for (let turn = 0; turn < 5_000; turn++) {
      const index = 1 + random.below(40)
      const what = random.below(20)
      if (what === 0) scene.up(index, { initiator: random.below(2) === 1 })
      else if (what === 1) scene.feed({ type: 'down', handle: index })
      else scene.say(index, (frames[random.below(frames.length)] as () => MembersFrame)())
      scene.now += random.below(500)
      if (what === 2) scene.feed({ type: 'timer' })
      scene.out.length = 0
      expect(scene.neighbours.length).toBeLessThanOrEqual(12)
      expect(scene.machine.passive).toBeLessThanOrEqual(48)
    }
  })
})

describe('while the node sleeps', () => {
  it('nobody is dialled and no timer runs', () => {
    const scene = busy(3)
    scene.feed({ type: 'sleep' })
    expect(scene.out.findLast((each) => each.type === 'wakeAt')).toEqual({ type: 'wakeAt', at: null })
    scene.out.length = 0
    for (const handle of [1, 2, 3]) scene.feed({ type: 'down', handle })
    expect(typesOf(scene.out)).not.toContain('want')
    scene.feed({ type: 'wake' })
    scene.pass(3_000)
    expect(typesOf(scene.out)).toContain('want')
  })
})

describe('limits', () => {
  it('follow what a room wants at least and what a node has at most', () => {
    expect(resolveMembership()).toEqual({ low: 5, target: 8, high: 12, mesh: 9, passive: 48 })
    expect(resolveMembership({}, { minPeers: 20 })).toMatchObject({ low: 20, target: 20, high: 24 })
    expect(resolveMembership({}, { maxLinks: 3 })).toMatchObject({ low: 3, target: 3, high: 3, mesh: 3 })
    expect(() => resolveMembership({ target: 20 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    expect(() => resolveMembership({ low: 0.5 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})

describe('frames of the members channel', () => {
  it('are read as they were written', () => {
    const record = bytesOf(createAddressRecord(identityOf(1), { seq: 3, addresses: [addressOf(1)] }))
    const frames: readonly MembersFrame[] = [
      { type: 'hold', urgent: true, strange: false, trial: false, hungry: true, tellable: true, degree: 4 },
      { type: 'drop', degree: 12, tries: [record, record] },
      { type: 'ping', nonce: 0xfffffffe, degree: 8 },
      { type: 'pong', nonce: 1 },
      { type: 'ask' },
      { type: 'view', names: [new Uint8Array(8).fill(1), new Uint8Array(8).fill(2)] },
    ]
    for (const frame of frames) expect(decodeMembersFrame(encodeMembersFrame(frame))).toEqual(frame)
    expect([...encodeMembersFrame(frames[0] as MembersFrame)]).toEqual([0, 19, 4])
  })
})
