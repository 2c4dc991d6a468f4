// A peer that is frozen (SIGSTOP) holds its sockets open and says nothing: only pings tell.

import { createNode, seeds } from 'hearsay'
import { expect, it } from 'vitest'
import { freshTopic, objects, start } from './command.js'

const PING_MS = 300

it('is found within three intervals, is linked again when it thaws, and then has missed nothing', async () => {
  const topic = freshTopic()
  const alone = ['--no-dht', '--no-mdns', '--ephemeral', '--host', '127.0.0.1']
  const sub = start(['sub', topic, '--json', '--count', '2', '-v', '--timeout', '25', ...alone])
  const { addresses } = JSON.parse(await sub.line('"listening"'))
  const node = createNode({ discovery: [seeds(addresses)], listen: false, limits: { pingIntervalMs: PING_MS } })
  const room = await node.join(topic)
  await room.ready()
  await (await room.publish('before')).confirmed(1)
  const unlinked = new Promise((resolve) => node.once('unlink', resolve))
  sub.child.kill('SIGSTOP')
  const stoppedAt = performance.now()
  await unlinked
  const foundMs = performance.now() - stoppedAt
  const meanwhile = await room.publish('meanwhile')
  sub.child.kill('SIGCONT')
  await meanwhile.confirmed(1)
  const { code, stdout } = await sub.ended
  await node.close()
  const heard = objects(stdout).filter(({ type }) => type === 'message')
  expect([code, heard.map(({ data }) => data)]).toEqual([0, ['before', 'meanwhile']])
  // A busy machine may take its time to say so; the intervals themselves are counted in virtual time in core's tests.
  expect(foundMs).toBeLessThan(3 * PING_MS + 5_000)
})
