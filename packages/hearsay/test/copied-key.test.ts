// Two nodes with one key that begin in one epoch: a copied machine. They go on in epochs of their own, and everybody is told.

import { createIdentity, type Fork, type PeerId } from '@hearsay/core'
import { afterEach, describe, expect, it } from 'vitest'
import type { Node, Room } from '../src/index.js'
import { addressOf, localNode } from './nodes.js'

const open: Node[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()))
})

describe('two nodes with one key in one epoch', () => {
  it.each(['given', 'overlay'] as const)('go on in epochs of their own, which others hear (%s)', async (membership) => {
    const identity = createIdentity()
    const copy = (...epochs: readonly number[]): Node => {
      const left = [...epochs]
      const next = async (): Promise<number> => left.shift() ?? Promise.reject(new RangeError('no epoch is left'))
      return start({ identity, linkIdentity: createIdentity(), epochs: { next } })
    }
    const start = (options: Parameters<typeof localNode>[0]): Node => {
      const node = localNode({ exchange: false, membership, ...options })
      open.push(node)
      return node
    }
    const [one, other, third] = [copy(100, 201), copy(100, 302), start({})]
    const rooms = (await Promise.all([one, other, third].map((node) => node.join('copied')))) as Room<unknown>[]
    const [first, second, listener] = rooms as [Room<unknown>, Room<unknown>, Room<unknown>]
    for (const node of [one, other]) await node.connect(addressOf(third))
    await listener.ready({ peers: 2 })
    const forks = rooms.map((room) => new Promise<Fork>((resolve) => room.on('fork', resolve)))
    await Promise.all([first.publish('from one'), second.publish('from the other')])
    for (const fork of await Promise.all(forks)) expect(fork).toMatchObject({ author: identity.id, epoch: 100 })
    const receipts = await Promise.all([first.publish('one again'), second.publish('the other again')])
    expect(receipts).toMatchObject([
      { author: identity.id as PeerId, epoch: 201, seq: 0 },
      { author: identity.id as PeerId, epoch: 302, seq: 0 },
    ])
    const heard = new Set<unknown>()
    for await (const { epoch, data } of listener) if (epoch > 100 && heard.add(data).size === 2) break
    expect([...heard].sort()).toEqual(['one again', 'the other again'])
    for (const receipt of receipts) await receipt.confirmed(1)
  })
})
