// How long two fresh nodes take to be linked that join one topic in the same instant and were given no address of each
// other: over each discovery alone, beside hyperswarm on the same private DHT network; and the same with two processes.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import DHT from 'bittorrent-dht'
import { createBootstrapServer } from 'hearsay'
import { KINDS, open } from './meeting-kinds.mjs'

const CHILD = fileURLToPath(new URL('meeting.child.mjs', import.meta.url))
const DEADLINE_MS = 5_000
const MAINLINE_NODES = 10

/** Ten nodes of a mainline DHT on this machine. */
async function mainlineNetwork() {
  const nodes = []
  for (let count = 0; count < MAINLINE_NODES; count++) {
    const [first] = nodes
    const node = new DHT({ bootstrap: first ? [`127.0.0.1:${first.address().port}`] : false })
    await new Promise((resolve) => node.listen(0, '127.0.0.1', resolve))
    nodes.push(node)
  }
  const close = () => Promise.all(nodes.map((node) => new Promise((resolve) => node.destroy(resolve))))
  return { address: `127.0.0.1:${nodes[0].address().port}`, close }
}

/** Milliseconds until both are linked; null if that took longer than the deadline. */
async function meetHere(kind, bootstrap, topic) {
  const nodes = await Promise.all([0, 1].map(() => open(kind, bootstrap)))
  const startedAt = performance.now()
  const linked = Promise.all(nodes.map((node) => node.meet(topic)))
  const took = await within(linked.then(() => performance.now() - startedAt))
  await Promise.all(nodes.map((node) => node.close()))
  return took
}

async function meetInProcesses(kind, bootstrap, topic) {
  const children = [0, 1].map(() => spawn(process.execPath, [CHILD, kind, bootstrap, topic], { stdio: 'pipe' }))
  const lines = children.map((child) => createInterface({ input: child.stdout })[Symbol.asyncIterator]())
  await Promise.all(lines.map((line) => line.next()))
  for (const child of children) child.stdin.write('go\n')
  const took = await within(
    Promise.all(lines.map((line) => line.next())).then((ends) => Math.max(...ends.map(({ value }) => Number(value)))),
  )
  for (const child of children) child.stdin.end()
  const timer = setTimeout(() => {
    for (const child of children) child.kill()
  }, 3_000)
  await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')))
  clearTimeout(timer)
  return took
}

async function within(promise) {
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(null), DEADLINE_MS)
  })
  const took = await Promise.race([promise, late])
  clearTimeout(timer)
  return took
}

async function row(label, rounds, meet) {
  const all = []
  for (let round = 0; round < rounds; round++) all.push(await meet(round))
  const took = all.filter((ms) => ms !== null).sort((a, b) => a - b)
  const at = (share) => `${(took[Math.ceil(took.length * share) - 1] ?? Number.NaN).toFixed(0)} ms`
  const met = `${took.length} of ${rounds} met within ${DEADLINE_MS / 1_000} s`
  return [label, took.length === 0 ? met : `p50 ${at(0.5)}, p99 ${at(0.99)}; ${met}`]
}

export async function benchMeeting(scale) {
  const rounds = Math.max(5, Math.round(200 * scale))
  const few = Math.max(3, Math.round(20 * scale))
  const [hyper, mainline] = [await createBootstrapServer({ host: '127.0.0.1' }), await mainlineNetwork()]
  const rows = []
  for (const [kind, label] of Object.entries(KINDS)) {
    const { address } = kind === 'mainline' ? mainline : hyper
    const topic = (round) => `bench ${kind} ${process.pid} ${round}`
    // Those who miss each other wait for the deadline, each time.
    const times = kind === 'hyperswarm' ? few : rounds
    rows.push(await row(`${label}, one process`, times, (round) => meetHere(kind, address, topic(round))))
    rows.push(await row(`${label}, two processes`, few, (round) => meetInProcesses(kind, address, topic(`p${round}`))))
  }
  await Promise.all([hyper.close(), mainline.close()])
  return { title: 'Two fresh nodes that join in the same instant', rows }
}
