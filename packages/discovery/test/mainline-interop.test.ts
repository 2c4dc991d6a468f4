// With another implementation of BEP 5, libtorrent's: it takes our announcement, answers our look-up, and its peers find us.
// Skipped where Python has no `libtorrent` (Debian's python3-libtorrent).

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { discoveryKeys, type Topic } from '@hearsay/core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { mainline } from '../src/index.js'
import { freshTopic, nextCandidate, wishOf } from './support/wish.js'

const host = '127.0.0.1'
// Debian's package is of Debian's Python, which need not be the first one of the path.
const python = ['python3', '/usr/bin/python3'].find((each) => spawnSync(each, ['-c', 'import libtorrent']).status === 0)
if (!python) console.log('skipped: mainline with libtorrent, since no python3 here has the module libtorrent')

describe.skipIf(!python)('with libtorrent', () => {
  let child: ChildProcess
  let bootstrap: string
  let peerPort: number
  const lines: string[] = []
  beforeAll(async () => {
    child = spawn(python ?? '', [fileURLToPath(new URL('support/libtorrent-peers.py', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const output = createInterface({ input: child.stdout as NodeJS.ReadableStream })
    output.on('line', (line) => lines.push(line))
    await new Promise<void>((resolve) => output.once('line', () => resolve()))
    const [, first, second] = lines.shift()?.split(' ') ?? []
    bootstrap = `${host}:${first}`
    peerPort = Number(second)
  })
  afterAll(async () => {
    if (child.exitCode !== null) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.stdin?.end()
    await gone
  })

  const opened: { close(): Promise<void> }[] = []
  afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())))

  function discovery() {
    const one = mainline({ bootstrap: [bootstrap], host })
    opened.push(one)
    return one
  }

  const say = (...words: readonly (string | number)[]): void => void child.stdin?.write(`${words.join(' ')}\n`)
  const keyOf = (topic: Topic): string => Buffer.from(discoveryKeys(topic, Date.now())[0] ?? []).toString('hex', 0, 20)

  // First, since libtorrent waits fifteen seconds for each node that has gone.
  test('a peer of libtorrent that announces itself is found', async () => {
    const topic = freshTopic()
    const session = discovery().join(topic, wishOf(null, { announce: false }))
    // Its first announcement may come before it knows the network, ours may look before it has come.
    const again = setInterval(() => {
      say('announce', keyOf(topic))
      session.refresh()
    }, 500)
    try {
      expect((await nextCandidate(session)).addresses).toMatchObject([{ scheme: 'tcp', host, port: peerPort }])
    } finally {
      clearInterval(again)
    }
  })

  test('a node is announced there, and a peer of libtorrent finds it', async () => {
    const topic = freshTopic()
    const leaving = discovery()
    await leaving.join(topic, wishOf(4_001)).flushed()
    // What is found now is what libtorrent stores: nobody else is left.
    await leaving.close()
    await expect
      .poll(
        () => {
          say('get', keyOf(topic))
          return lines.flatMap((line) => line.split(' '))
        },
        { timeout: 15_000, interval: 500 },
      )
      .toContain(`${host}:4001`)
  })
})
