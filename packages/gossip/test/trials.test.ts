// Neighbours on trial: whom a node takes beyond those that it needs, who stays, and whose place that may cost.

import { parseAddress } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { addressOf, busy, identityOf, Scene, sent, typesOf } from './membership-scene.js'

const wanted = (scene: Scene) =>
  new Set(scene.out.flatMap((each) => (each.type === 'want' ? [each.candidate.peer] : [])))

describe('one on trial', () => {
  /** A node that has neighbours of both kinds. */
  function settled({ inbound, dialled }: { inbound: number; dialled: number }): Scene {
    const scene = busy(inbound)
    for (let index = inbound + 1; index <= inbound + dialled; index++) {
      scene.up(index, { initiator: true })
      scene.hold(index, { degree: 9 })
      scene.now++
    }
    expect(scene.neighbours.length).toBe(inbound + dialled)
    return scene
  }

  /** A node with eight neighbours that came by themselves and two that it dialled, and one more that asks for a trial. */
  function trying(): Scene {
    const scene = settled({ inbound: 8, dialled: 2 })
    scene.up(11)
    scene.hold(11, { trial: true })
    expect(scene.neighbours.length).toBe(11)
    return scene
  }

  it('goes again if it brings nothing, and nobody else goes for it where nobody speaks', () => {
    const scene = trying()
    scene.pass(1_500)
    expect(scene.neighbours).not.toContain(identityOf(11).id)
    for (let index = 1; index <= 10; index++) expect(scene.neighbours).toContain(identityOf(index).id)
  })

  it('stays in place of one that brought nothing while others did, if it is the first to bring something', () => {
    const scene = trying()
    for (let count = 0; count < 8; count++) scene.feed({ type: 'brought', remote: identityOf(1).id })
    scene.feed({ type: 'brought', remote: identityOf(11).id })
    scene.pass(1_500)
    expect(scene.neighbours).toContain(identityOf(11).id)
    expect(scene.neighbours).toContain(identityOf(1).id)
    expect(scene.neighbours).toContain(identityOf(10).id)
    // While it compares it keeps as many as it looks for: the other places are for those on trial.
    expect(scene.neighbours.length).toBe(8)
  })

  it('costs none its place that brings an author whom only one other brings', () => {
    const scene = settled({ inbound: 8, dialled: 2 })
    const show = (index: number, author: number): void => {
      scene.feed({ type: 'shown', remote: identityOf(index).id, author: identityOf(author).id })
    }
    for (let index = 3; index <= 10; index++) show(index, 501)
    for (const index of [1, 2]) show(index, 502)
    for (let count = 0; count < 4; count++) scene.feed({ type: 'brought', remote: identityOf(1).id })
    scene.up(11)
    scene.hold(11, { trial: true })
    for (const author of [501, 503, 504, 505]) show(11, author)
    scene.pass(340)
    expect(scene.neighbours).toContain(identityOf(11).id)
    for (const index of [1, 2, 9, 10]) expect(scene.neighbours).toContain(identityOf(index).id)
    expect(scene.neighbours.length).toBe(10)
  })

  it('is asked again after one and a half seconds if it had no place, and not if it was one for a while', () => {
    for (const isTaken of [false, true]) {
      const scene = settled({ inbound: 5, dialled: 3 })
      // There are many others to try out.
      const indexes = Array.from({ length: 40 }, (_, at) => 50 + at)
      for (const index of indexes) {
        const candidate = { peer: identityOf(index).id, addresses: [addressOf(index)], source: 'found' }
        scene.feed({ type: 'candidate', candidate })
      }
      scene.feed({ type: 'spoke' })
      scene.out.length = 0
      scene.pass(400)
      // The first one that it heard of was dialled to be a neighbour.
      const first = indexes.slice(1).find((index) => wanted(scene).has(identityOf(index).id)) as number
      scene.up(first, { initiator: true })
      const asked = () => sent(scene.out.splice(0)).filter(({ type, handle }) => type === 'hold' && handle === first)
      expect(asked()).toMatchObject([{ trial: true }])
      if (isTaken) scene.hold(first)
      else scene.say(first, { type: 'drop', degree: 12, tries: [] })
      scene.pass(1_400)
      expect(asked()).toEqual([])
      scene.pass(5_000)
      expect(asked().length > 0).toBe(!isTaken)
    }
  })

  it('may be whoever asks to be a neighbour and has heard nothing of a room that speaks', () => {
    const scene = settled({ inbound: 8, dialled: 2 })
    scene.up(11)
    scene.hold(11, { hungry: true })
    expect(scene.neighbours).not.toContain(identityOf(11).id)
    scene.feed({ type: 'spoke' })
    scene.hold(11)
    expect(scene.neighbours).not.toContain(identityOf(11).id)
    scene.hold(11, { hungry: true })
    expect(scene.machine.active.filter(({ onTrial }) => onTrial).map(({ peer }) => peer)).toContain(identityOf(11).id)
    scene.pass(1_500)
    expect(scene.neighbours).not.toContain(identityOf(11).id)
  })

  it('waits three seconds before it is taken on trial again, if it brought nothing', () => {
    const scene = trying()
    scene.pass(1_000)
    scene.hold(11, { trial: true, urgent: true, degree: 0 })
    expect(scene.neighbours).not.toContain(identityOf(11).id)
    scene.pass(3_000)
    scene.hold(11, { trial: true })
    expect(scene.neighbours).toContain(identityOf(11).id)
  })

  it('costs no neighbour that this node dialled its place, if it came by itself', () => {
    const scene = new Scene()
    for (let index = 1; index <= 10; index++) {
      scene.up(index, { initiator: index > 1 })
      scene.hold(index, { degree: 9 })
      scene.now++
    }
    scene.up(11)
    scene.hold(11, { trial: true })
    for (let count = 0; count < 16; count++) scene.feed({ type: 'brought', remote: identityOf(1).id })
    scene.feed({ type: 'brought', remote: identityOf(11).id })
    for (let index = 1; index <= 10; index++) expect(scene.neighbours).toContain(identityOf(index).id)
  })

  it('takes none of the places that are for those whom this node dials, whatever it brings', () => {
    const scene = busy(9)
    for (let index = 10; index <= 20; index++) {
      scene.up(index)
      scene.hold(index, { trial: true })
      scene.feed({ type: 'brought', remote: identityOf(index).id })
    }
    expect(scene.neighbours.length).toBe(9)
    for (let index = 30; index < 33; index++) {
      scene.up(index, { initiator: true })
      scene.hold(index)
    }
    expect(scene.neighbours.length).toBe(12)
  })

  it('is none of a network that has neighbours enough, whoever asked', () => {
    const scene = settled({ inbound: 0, dialled: 5 })
    for (let index = 20; index < 25; index++) {
      const candidate = { peer: identityOf(index).id, addresses: [addressOf(index)], source: 'found' }
      scene.feed({ type: 'candidate', candidate })
    }
    for (let index = 40; index < 60; index++) {
      scene.up(index, { address: parseAddress(`tcp://99.1.${index}.1:4000`) })
      scene.hold(index, { trial: index % 2 === 0, strange: true })
      if (index === 46) scene.feed({ type: 'spoke' })
    }
    const atOnce: number[] = []
    for (let step = 0; step < 300; step++) {
      scene.pass(100)
      atOnce.push(scene.machine.active.filter(({ network }) => network?.startsWith('99.1')).length)
      for (const { handle, type } of sent(scene.out.splice(0))) if (type === 'hold' && handle >= 40) scene.hold(handle)
    }
    expect(Math.max(...atOnce)).toBe(4)
  })

  it('costs this node none of the eight that it looks for, however many ask for a trial', () => {
    const scene = settled({ inbound: 7, dialled: 3 })
    scene.pass(6_000)
    for (let index = 100; index < 200; index++) {
      scene.up(index)
      scene.hold(index, { trial: true, strange: true })
      scene.pass(300)
    }
    for (let index = 1; index <= 5; index++) expect(scene.neighbours).toContain(identityOf(index).id)
    for (let index = 8; index <= 10; index++) expect(scene.neighbours).toContain(identityOf(index).id)
  })

  it('is asked for if nobody else is known, and whom discoveries find then is compared as a stranger', () => {
    const scene = settled({ inbound: 0, dialled: 10 })
    scene.pass(5_000)
    expect(typesOf(scene.out)).toContain('refresh')
    const candidate = { peer: null, addresses: [addressOf(50)], source: 'found' }
    expect(typesOf(scene.feed({ type: 'candidate', candidate }))).toContain('want')
    expect(sent(scene.up(50, { initiator: true })).map(({ type }) => type)).toContain('ask')
  })

  it('goes for one that has nobody, and keeps no place from one that asks to stay', () => {
    const scene = settled({ inbound: 5, dialled: 5 })
    for (const index of [20, 21]) {
      scene.up(index)
      scene.hold(index, { trial: true })
    }
    expect(scene.neighbours.length).toBe(12)
    scene.say(1, { type: 'drop', degree: 8, tries: [] })
    scene.up(30)
    scene.hold(30)
    for (const index of [31, 32]) {
      scene.up(index)
      scene.hold(index, { urgent: true, degree: 0 })
      if (index === 31) expect(scene.neighbours).not.toContain(identityOf(31).id)
      // A trial is not cut short before it can have shown anything; who is alone asks again.
      scene.now += 300
      scene.hold(31, { urgent: true, degree: 0 })
    }
    const stay = [2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 31, 32].map((index) => identityOf(index).id)
    expect([...scene.neighbours].sort()).toEqual(stay.sort())
  })

  it('goes for one that this node chose to try out, if all places are taken by such as ask for a trial', () => {
    const scene = settled({ inbound: 7, dialled: 3 })
    const candidate = { peer: identityOf(50).id, addresses: [addressOf(50)], source: 'found' }
    scene.feed({ type: 'candidate', candidate })
    scene.feed({ type: 'spoke' })
    const isDialled = (): boolean =>
      scene.out.some((each) => each.type === 'want' && each.candidate.peer === candidate.peer)
    for (let index = 60; !isDialled() && index < 90; index++) {
      scene.up(index)
      scene.hold(index, { trial: true })
      scene.pass(100)
    }
    expect(isDialled()).toBe(true)
    expect(scene.neighbours.length).toBe(12)
    // The dial takes a moment, in which those on trial had time to show something.
    scene.now += 300
    scene.up(50, { initiator: true })
    scene.hold(50)
    expect(scene.neighbours).toContain(candidate.peer)
    expect(scene.neighbours.length).toBe(12)
    for (let index = 1; index <= 10; index++) expect(scene.neighbours).toContain(identityOf(index).id)
  })
})

describe('a neighbour that brings an author whom few others bring', () => {
  it('is not the one that goes where a node has too many', () => {
    const scene = busy(9)
    for (let index = 10; index <= 12; index++) {
      scene.up(index, { initiator: true })
      scene.hold(index, { degree: 9, urgent: true })
    }
    expect(scene.neighbours.length).toBe(12)
    // The four oldest, and those that it dialled, stay in any case.
    for (const index of [5, 6, 7, 8]) {
      scene.feed({ type: 'shown', remote: identityOf(index).id, author: identityOf(500 + index).id })
    }
    scene.pass(150_000)
    expect(scene.neighbours).not.toContain(identityOf(9).id)
    for (const index of [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]) {
      expect(scene.neighbours).toContain(identityOf(index).id)
    }
  })
})
