// Hearsay beside gossipsub of js-libp2p, which is shown with its defaults and with its two options for speed: the same graph of
// nodes, seed and schedule, over TCP on loopback, all nodes of a swarm in one process. Each scene runs in a process of its own.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { installPeers } from './peers/install.mjs'
import { tableOf } from './peers/table.mjs'

const script = fileURLToPath(new URL('peers/child.mjs', import.meta.url))
const KINDS = ['gossipsub', 'gossipsub tuned', 'hearsay']
/** No scene takes half of it; then it hangs. */
const SCENE_MS = 240_000
const TITLE = 'Beside gossipsub'

/** Each scene for each stack, one after the other: two at once would share the processor. */
export async function benchGossipsub(scale) {
  let place
  try {
    place = installPeers()
  } catch (error) {
    return { title: TITLE, rows: [['left out', error.message]] }
  }
  // Of less than some seconds the beginning is all that is seen.
  const seconds = {
    full: Math.max(5, 10 * scale),
    calm: Math.max(4, 20 * scale),
    apart: Math.max(5, 10 * scale),
    stopped: Math.max(5, 10 * scale),
  }
  const scenes = [
    ['single', 'saturated', { seconds: seconds.full, batched: false }],
    ['batched', 'saturated', { seconds: seconds.full, batched: true }],
    ['calm', 'calm', { seconds: seconds.calm, large: Math.max(2, 10 * scale) }],
    ['absent', 'absent', { seconds: seconds.apart }],
    ['pair', 'pair', { seconds: seconds.stopped }],
    ['stopped', 'stopped', { seconds: seconds.stopped }],
  ]
  const results = new Map()
  const loads = []
  for (const [name, scene, options] of scenes) {
    for (const kind of KINDS) {
      console.error(`▸ ${kind}: ${name}`)
      loads.push(loadavg()[0])
      results.set(`${kind} ${name}`, await run({ ...place, kind, scene, options }))
    }
  }
  const { columns, rows, notes } = tableOf(KINDS, (kind, name) => results.get(`${kind} ${name}`), seconds)
  const [least, most] = [Math.min(...loads), Math.max(...loads)].map((load) => load.toFixed(1))
  return { title: TITLE, columns, rows, notes: [...notes, `The load of the machine was ${least} to ${most}.`] }
}

/** The numbers of one scene, or an error. */
async function run({ scene, options, ...place }) {
  // Windows cannot stop a process.
  if (scene === 'stopped' && process.platform === 'win32') return new Error('needs SIGSTOP')
  const peer = scene === 'stopped' ? start({ ...place, scene: 'peer' }) : null
  let measured = null
  try {
    const { address } = (await peer?.next()) ?? {}
    measured = start({ ...place, scene, options: { ...options, address } })
    for (;;) {
      const { result, error } = await measured.next()
      if (error !== undefined) return new Error(error)
      if (result !== undefined) return result
      peer.child.kill('SIGSTOP')
      measured.child.send('stopped')
    }
  } catch (error) {
    return error
  } finally {
    // One that is stopped hears of no other signal.
    peer?.child.kill('SIGKILL')
    measured?.child.kill('SIGKILL')
  }
}

function start({ node, ...task }) {
  const child = fork(script, [JSON.stringify(task)], { execPath: node, execArgv: ['--expose-gc'] })
  return { child, next: () => answerOf(child) }
}

/** What it says next; rejects if it ends without a word, or says nothing for too long. */
async function answerOf(child) {
  const settled = new AbortController()
  const signal = AbortSignal.any([settled.signal, AbortSignal.timeout(SCENE_MS)])
  const said = once(child, 'message', { signal })
  const ended = once(child, 'exit', { signal })
  try {
    const [first] = await Promise.race([said, ended])
    if (first === null || typeof first === 'number') throw new Error(`it ended with ${first}`)
    return first
  } finally {
    settled.abort()
    await Promise.allSettled([said, ended])
  }
}
