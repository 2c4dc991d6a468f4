// A key that outlives the process: restarts, restored copies, two processes at once.

import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freshTopic, hearsay, objects, start } from './command.js'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hearsay-cli-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const ALONE = ['--no-dht', '--no-mdns', '--host', '127.0.0.1', '--json'] as const

async function subscriber(topic: string, ...args: readonly string[]) {
  const sub = start(['sub', topic, '-v', '--ephemeral', '--timeout', '25', ...args, ...ALONE])
  const { addresses } = JSON.parse(await sub.line('"listening"'))
  return { ...sub, dial: [...ALONE, '--no-listen', '--seed-peer', addresses[0] as string] }
}

it('a restarted publisher goes on in a new epoch, heard by those who heard the earlier one', async () => {
  const topic = freshTopic()
  const data = ['--data-dir', join(directory, 'restart')]
  const sub = await subscriber(topic, '--count', '2')
  for (const text of ['before', 'after']) await hearsay(['pub', topic, text, ...data, ...sub.dial])
  const heard = objects((await sub.ended).stdout).filter(({ type }) => type === 'message')
  expect(heard.map(({ data: text, seq }) => [text, seq])).toEqual([
    ['before', 0],
    ['after', 0],
  ])
  expect(heard[0]?.author).toBe(heard[1]?.author)
  expect(Number(heard[1]?.epoch)).toBeGreaterThan(Number(heard[0]?.epoch))
})

it('a directory restored from an older copy, or copied elsewhere, never signs one place twice', async () => {
  const topic = freshTopic()
  const [original, copy] = [join(directory, 'original'), join(directory, 'copy')]
  const sub = await subscriber(topic, '--count', '5')
  const pub = (data: string, text: string) => hearsay(['pub', topic, text, '--data-dir', data, ...sub.dial])
  await pub(original, 'first')
  await cp(original, copy, { recursive: true })
  await pub(original, 'second')
  await Promise.all([pub(original, 'here'), pub(copy, 'there')])
  await rm(original, { recursive: true })
  await cp(copy, original, { recursive: true })
  await pub(original, 'restored')
  const heard = objects((await sub.ended).stdout).filter(({ type }) => type === 'message')
  expect(heard).toHaveLength(5)
  expect(new Set(heard.map(({ author }) => author)).size).toBe(1)
  expect(new Set(heard.map(({ epoch, seq }) => `${epoch} ${seq}`)).size).toBe(5)
})
