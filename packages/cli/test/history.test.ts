// A long-lived node keeps what is said in its rooms: over a kill -9, and over damage to its files.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freshTopic, hearsay, objects, type Running, start } from './command.js'

let directory: string
const running: Running[] = []
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hearsay-history-'))
})
afterAll(async () => {
  for (const { child } of running) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

const ALONE = ['--no-dht', '--no-mdns', '--host', '127.0.0.1', '--json'] as const

/** A node in the topic, and how to reach it. */
async function holder(topic: string, data: string) {
  const node = start(['node', topic, '-v', '--data-dir', data, ...ALONE])
  running.push(node)
  const { addresses } = JSON.parse(await node.line('"listening"'))
  return { ...node, dial: [...ALONE, '--ephemeral', '--no-listen', '--seed-peer', addresses[0] as string] }
}

async function heardFrom(topic: string, count: number, dial: readonly string[]): Promise<unknown[]> {
  const sub = await hearsay(['sub', topic, '--since', 'all', '--count', String(count), '--timeout', '20', ...dial])
  return objects(sub.stdout).map(({ data }) => data)
}

async function kill({ child, ended }: Running): Promise<void> {
  child.kill('SIGKILL')
  await ended
}

it('gives those who come later what was said before it was killed', async () => {
  const [topic, data] = [freshTopic(), join(directory, 'killed')]
  const said: string[] = []
  for (let life = 0; life < 2; life++) {
    const node = await holder(topic, data)
    said.push(`one of life ${life}`, `two of life ${life}`)
    await start(['pub', topic, ...node.dial], { input: said.slice(-2).join('\n') }).ended
    await kill(node)
  }
  const node = await holder(topic, data)
  expect((await heardFrom(topic, said.length, node.dial)).sort()).toEqual(said.sort())
})

it('goes on with what can be saved of damaged files', async () => {
  const [topic, data] = [freshTopic(), join(directory, 'damaged')]
  const node = await holder(topic, data)
  await hearsay(['pub', topic, 'before', ...node.dial])
  node.child.kill('SIGTERM')
  await node.ended
  const [manifest] = (await readdir(join(data, 'history'))).filter((name) => name.startsWith('MANIFEST'))
  await writeFile(join(data, 'history', manifest as string), 'no manifest')
  const again = await holder(topic, data)
  await hearsay(['pub', topic, 'after', ...again.dial])
  expect((await heardFrom(topic, 2, again.dial)).sort()).toEqual(['after', 'before'])
})
