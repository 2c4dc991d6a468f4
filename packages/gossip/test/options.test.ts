// Options that are none are refused with a code where they are given; what is undefined is as if it were left out.

import { PassThrough } from 'node:stream'
import { createIdentity, createTopic } from '@hearsay/core'
import { expect, it } from 'vitest'
import { resolveGossip } from '../src/gossip-options.js'
import {
  createGossip,
  createRoom,
  DEFAULT_LIMITS,
  flood,
  type GossipOptions,
  resolveMembership,
  rumor,
  trees,
} from '../src/index.js'
import { resolveLimits } from '../src/machine.js'
import { createScene, type Talker } from './talk-scene.js'

const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(message) })
const gossipOf = (more: object) =>
  createGossip({ topic: createTopic('test'), author: createIdentity(), epoch: 1, ...more } as GossipOptions)

it.each([
  ['a name', 'flood'],
  ['an empty object', {}],
  ['a factory that was not called', trees],
  ['null', null],
])('an engine that is %s is refused', (_what, engine) => {
  expect(() => gossipOf({ engine })).toThrow(refused(/engine/))
})

it.each([
  ['a limit of an engine', () => gossipOf({ engine: trees({ capcity: 5 } as object) })],
  ['a limit of gossip', () => gossipOf({ limits: { capcity: 5 } })],
  ['an option of rounds', () => gossipOf({ engine: rumor({ interval: 5 } as object) })],
  ['a limit of a machine', () => resolveLimits({ capcity: 5 } as object)],
])('%s that does not exist is refused with the names of those that do', (_what, make) => {
  expect(make).toThrow(refused(/(capcity|interval) .*capacity, capacityBytes/))
})

it('a bound of membership that does not exist is refused too', () => {
  expect(() => resolveMembership({ hihg: 3 } as object)).toThrow(refused(/hihg .*low, target, high/))
})

it('a limit that is undefined is the default, or that of the engine', () => {
  expect(resolveLimits({ capacity: undefined } as object)).toEqual(DEFAULT_LIMITS)
  const given = { engine: trees({ capacity: 7 }), limits: { capacity: undefined } }
  expect(resolveGossip(given as unknown as GossipOptions).limits.capacity).toBe(7)
  expect(resolveMembership({ high: undefined } as object)).toEqual(resolveMembership())
})

it.each([
  ['text', '5'],
  ['nothing', undefined],
])('a handler of questions that is %s is refused', (_what, handler) => {
  const talk = { author: createIdentity(), connect: () => Promise.reject(), toStream: () => new PassThrough() }
  const room = createRoom(gossipOf({}), { talk })
  expect(() => room.answer('test', handler as never)).toThrow(refused(/handler/))
})

it.each([
  ['hops', 1.5],
  ['hops', Number.NaN],
  ['hops', '2'],
  ['count', 1.5],
  ['count', 0],
  ['wait', '100'],
])('%s of a question cannot be %j', (name, value) => {
  const [{ queries }] = createScene(1).talkers as [Talker]
  expect(() => queries.query('test', new Uint8Array(), { [name]: value })).toThrow(refused(new RegExp(name)))
})

it('engines are taken with no limits at all', async () => {
  for (const engine of [trees(), flood(), rumor()]) await gossipOf({ engine }).close()
})
