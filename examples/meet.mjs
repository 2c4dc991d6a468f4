// The main job, for people to watch: two separate processes that never heard of each other meet, once on the local network
// (mDNS) and once through a private DHT network, and exchange signed messages.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createBootstrapServer } from 'hearsay'

const talker = fileURLToPath(new URL('talk.mjs', import.meta.url))
/** A name of its own for each run, so that two runs on one network do not hear each other. */
const topic = `meet-${randomBytes(4).toString('hex')}`
const GIVE_UP_MS = 60_000

/** Runs one talker in a process of its own; resolves when it has heard the other. */
function talk(name, env) {
  const child = spawn(process.execPath, [talker, topic, name], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: GIVE_UP_MS,
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${name} ended with ${code ?? signal}`)),
    )
  })
}

async function meet(title, env) {
  console.log(`\n${title}`)
  const startedAt = performance.now()
  await Promise.all(['alice', 'bob'].map((name) => talk(name, env)))
  console.log(`  met and left in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`)
}

await meet('Two processes meet on the local network (mDNS):', { HEARSAY_NO_DHT: '1', HEARSAY_NO_MDNS: '0' })

const server = await createBootstrapServer({ host: '127.0.0.1' })
await meet(`Two processes meet through a private DHT network (${server.address}):`, {
  HEARSAY_NO_MDNS: '1',
  HEARSAY_NO_DHT: '0',
  HEARSAY_BOOTSTRAP: server.address,
  HEARSAY_HOST: '127.0.0.1',
})
await server.close()
