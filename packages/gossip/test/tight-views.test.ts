// Views at their edges: neighbours that have no members channel, that do not answer, or whose links replace each other, and
// rooms in which nothing is to be done.

import { describe, expect, it } from 'vitest'
import { addressOf, busy, identityOf, Scene, sent, typesOf } from './membership-scene.js'

/** Says that this peer, which has no members channel, carries the room. */
function given(scene: Scene, index: number, isUp = true): readonly { readonly type: string }[] {
  const remote = identityOf(index).id
  return scene.feed({ type: 'given', remote, isUp, initiator: false, address: addressOf(index) })
}

describe('a neighbour without a members channel', () => {
  it('is taken off the room when it goes for another', () => {
    const scene = new Scene()
    for (let index = 1; index <= 9; index++) {
      given(scene, index)
      scene.now++
    }
    expect(scene.neighbours.length).toBe(9)
    scene.pass(40_000)
    scene.out.length = 0
    scene.up(30)
    scene.hold(30, { urgent: true, degree: 0 })
    expect(scene.neighbours).toContain(identityOf(30).id)
    const gone = Array.from({ length: 9 }, (_, at) => identityOf(at + 1).id).filter(
      (id) => !scene.neighbours.includes(id),
    )
    expect(gone.length).toBe(1)
    expect(scene.out.flatMap((each) => (each.type === 'refuse' ? [each.peer] : []))).toEqual(gone)
  })
})

describe('a neighbour whose link was replaced', () => {
  it('is none any more if it does not say so again on the new one', () => {
    const scene = busy(3)
    const remote = identityOf(1).id
    scene.feed({ type: 'up', handle: 101, remote, initiator: false, address: addressOf(1) })
    scene.feed({ type: 'down', handle: 1 })
    scene.pass(11_000)
    expect(scene.neighbours).not.toContain(remote)
  })
})

describe('one that was let go or never held, and lost', () => {
  it('is dialled again soon by a node that has nobody else', () => {
    const scene = new Scene()
    scene.up(1)
    scene.say(1, { type: 'drop', degree: 0, tries: [] })
    scene.feed({ type: 'down', handle: 1 })
    scene.feed({ type: 'gone', remote: identityOf(1).id, why: 'lost' })
    scene.out.length = 0
    scene.pass(4_000)
    expect(typesOf(scene.out)).toContain('want')
  })
})

describe('one that has left the room and is still linked', () => {
  it('is let go under every name that it is known by', () => {
    const scene = new Scene()
    const [peer, address] = [identityOf(1).id, addressOf(1)]
    scene.feed({ type: 'candidate', candidate: { peer: null, addresses: [address], source: 'found' } })
    scene.feed({ type: 'candidate', candidate: { peer, addresses: [address], source: 'book' } })
    scene.up(1, { initiator: true })
    scene.hold(1)
    expect(scene.neighbours).toEqual([peer])
    scene.feed({ type: 'down', handle: 1 })
    scene.feed({ type: 'gone', remote: peer, why: 'left' })
    expect(typesOf(scene.out)).toContain('release')
    scene.out.length = 0
    scene.pass(60_000)
    expect(typesOf(scene.out)).not.toContain('want')
  })

  it('is not wanted for ever because it is found again: its link would never end', () => {
    const linked = new Set([identityOf(1).id])
    const scene = new Scene({ isLinked: (peer) => linked.has(peer) })
    scene.up(2)
    scene.hold(2)
    const wishes = new Map<string, string>()
    const candidate = { peer: identityOf(1).id, addresses: [addressOf(1)], source: 'found' }
    scene.feed({ type: 'candidate', candidate })
    expect(typesOf(scene.out.splice(0))).toContain('want')
    scene.pass(600_000)
    for (const each of scene.out) {
      if (each.type === 'want' && each.candidate.peer === candidate.peer) wishes.set(candidate.peer, 'want')
      if (each.type === 'release' && each.peer === candidate.peer) wishes.set(candidate.peer, 'release')
    }
    expect(wishes.get(candidate.peer)).toBe('release')
  })
})

describe('an idle room', () => {
  it('of a few sets no timer but for its rounds, whoever has spoken', () => {
    const scene = busy(2)
    scene.feed({ type: 'spoke' })
    scene.feed({ type: 'brought', remote: identityOf(1).id })
    scene.pass(60_000)
    scene.out.length = 0
    scene.pass(600_000)
    expect(typesOf(scene.out).filter((type) => type === 'wakeAt').length).toBeLessThan(100)
  })
})

describe('those tried out that do not answer', () => {
  it('keep others from being tried out no longer than two seconds', () => {
    const scene = new Scene()
    for (let index = 1; index <= 10; index++) {
      scene.up(index, { initiator: true })
      scene.hold(index, { degree: 9 })
      scene.now++
    }
    const indices = Array.from({ length: 40 }, (_, at) => 50 + at)
    for (const index of indices) {
      const candidate = { peer: identityOf(index).id, addresses: [addressOf(index)], source: 'found' }
      scene.feed({ type: 'candidate', candidate })
    }
    scene.feed({ type: 'spoke' })
    const asked = new Set<number>()
    const arrived = new Set<number>()
    for (let step = 0; step < 200; step++) {
      scene.pass(100)
      const outputs = scene.out.splice(0)
      for (const each of sent(outputs))
        if (each.type === 'hold' && each.trial && each.handle >= 50) asked.add(each.handle)
      for (const each of outputs) {
        const index =
          each.type === 'want' ? indices.findIndex((one) => identityOf(one).id === each.candidate.peer) + 50 : 0
        if (index < 50 || arrived.has(index)) continue
        arrived.add(index)
        scene.up(index, { initiator: true })
      }
    }
    expect(asked.size).toBeGreaterThan(12)
  })
})
