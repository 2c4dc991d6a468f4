// What a room is joined with: options that are none are refused before anything happens, and nothing is left of a room that
// could not be joined.

import type { Store } from '@hearsay/core'
import { afterEach, describe, expect, it } from 'vitest'
import { createIdentity, type Node, type NodeOptions, trees } from '../src/index.js'
import { localNode } from './nodes.js'

const open: Node[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()))
})

function start(options: NodeOptions = {}): Node {
  const node = localNode({ exchange: false, ...options })
  open.push(node)
  return node
}

describe('a room', () => {
  it('is never less private than it was meant to be: a secret that is none is refused', async () => {
    const node = start()
    for (const secret of [null, 5, true, {}, [1, 2, 3], new Array(32).fill(7), new ArrayBuffer(32), '']) {
      await expect(node.join('team', { secret: secret as never }), String(secret)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(OPTION|TOPIC)$/),
      })
    }
    const odd = await Promise.all(
      [[1], [2]].map((secret) => node.join('team', { secret: secret as never }).catch(() => null)),
    )
    expect(odd).toEqual([null, null])
  })

  it('never takes more authors, or more messages, than it was meant to', async () => {
    const node = start()
    for (const members of [null, 5, 'somebody', ['somebody'], [null]]) {
      await expect(node.join('team', { members: members as never }), String(members)).rejects.toMatchObject({
        code: 'ERR_OPTION',
      })
    }
    for (const validate of [null, 5, 'accept', {}]) {
      await expect(node.join('team', { validate: validate as never })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    }
    const room = await node.join('team', { members: [createIdentity().id] })
    await expect(room.publish('x')).rejects.toMatchObject({ code: 'ERR_MEMBERS' })
  })

  it('that could not be joined leaves its store closed, or never opened', async () => {
    const told: string[] = []
    const store = (): Store => {
      told.push('open')
      const closed = async (): Promise<void> => void told.push('closed')
      return {
        append: async () => {},
        vector: async () => [],
        read: async function* () {},
        prune: async () => {},
        close: closed,
      } as never
    }
    const node = start({ store })
    const given = [
      { encoding: 'nope' },
      { encoding: 5 },
      { since: { last: -1 } },
      { order: 'nope' },
      { membership: 'nope' },
    ]
    for (const options of given) {
      await expect(node.join('kept', options as never)).rejects.toMatchObject({ code: 'ERR_OPTION' })
      expect(told.filter((word) => word === 'open').length, JSON.stringify(options)).toBe(
        told.filter((word) => word === 'closed').length,
      )
    }
    await (await node.join('kept')).close()
    expect(told.slice(-2)).toEqual(['open', 'closed'])
  })

  it('is left and can be joined again, whatever its store throws', async () => {
    const fail = (): never => {
      throw new Error('a store of the user')
    }
    const node = start({ store: () => ({ append: fail, vector: fail, read: fail, prune: fail, close: fail }) as never })
    for (let time = 0; time < 2; time++) {
      const room = await node.join('kept')
      await room.publish('x')
      await room.close()
    }
  })

  it('of a node that takes every link has no doubts, whether the node or the room was told so', async () => {
    const doubts: unknown[] = []
    const engine = trees()
    const spy = {
      ...engine,
      createMachine: (context: Parameters<typeof engine.createMachine>[0]) => {
        doubts.push(context.doubts)
        return engine.createMachine(context)
      },
    }
    await start({ membership: 'given' }).join('a', { engine: spy })
    await start().join('b', { engine: spy, membership: 'given' })
    await start({ membership: 'given' }).join('c', { engine: spy, membership: 'overlay' })
    await start().join('d', { engine: spy })
    expect(doubts).toEqual([false, false, true, true])
  })
})

describe('a node', () => {
  it('that is to link to what is no address and no peer says so at once', async () => {
    const node = start()
    const room = await node.join('here')
    for (const target of [null, 5, true, {}, [], () => 1, Symbol('x')]) {
      await expect(node.connect(target as never), String(target)).rejects.toMatchObject({ code: 'ERR_ADDRESS' })
      await expect(room.send(target as never, 'x'), String(target)).rejects.toMatchObject({ code: 'ERR_PEER' })
      await expect(room.openStream(target as never), String(target)).rejects.toMatchObject({ code: 'ERR_PEER' })
    }
  })
})
