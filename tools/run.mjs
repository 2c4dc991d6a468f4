// The root commands. They need nothing but Node and npm: pnpm comes through npx, everything else through pnpm.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PNPM = 'pnpm@10.34.9'
const root = fileURLToPath(new URL('..', import.meta.url))
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', CI: process.env.CI ?? '1' }

/** Runs one step and ends this process with its exit code if it fails. */
function step(title, command, args, more = {}) {
  console.error(`\n▸ ${title}`)
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...env, ...more } })
  if (error) console.error(error.message)
  if (status !== 0) process.exit(status ?? (signal ? 1 : 1))
}

const pnpm = (title, args, more) =>
  step(title, process.platform === 'win32' ? 'npx.cmd' : 'npx', ['--yes', PNPM, ...args], more)
const node = (title, args, more) => step(title, process.execPath, args, more)

const install = () => pnpm('install', ['install', '--frozen-lockfile', '--reporter=append-only', '--loglevel=warn'])
const build = () => pnpm('build', ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only'])
const check = () => {
  pnpm('lint and format', ['exec', 'biome', 'ci', '.'])
  pnpm('types', ['exec', 'tsc', '--noEmit', '-p', 'tsconfig.json'])
  pnpm('declarations', ['exec', 'tsc', '--noEmit', '-p', 'tsconfig.sources.json'])
}
const rest = process.argv.slice(3)

const commands = {
  start() {
    install()
    build()
    node('two processes meet', ['examples/meet.mjs', ...rest])
  },
  test() {
    install()
    build()
    check()
    pnpm('tests', ['exec', 'vitest', 'run', '--reporter=default', '--reporter=./tools/summary-reporter.mjs', ...rest])
  },
  'test:long'() {
    install()
    build()
    node('long test families', ['tools/long-runs.mjs', ...rest])
  },
  build() {
    install()
    build()
  },
  check() {
    if (!existsSync(`${root}/node_modules`)) install()
    check()
  },
  bench() {
    install()
    build()
    node('benchmarks', ['bench/run.mjs', ...rest])
  },
}

const command = commands[process.argv[2]]
if (!command) {
  console.error(`usage: node tools/run.mjs ${Object.keys(commands).join('|')}`)
  process.exit(2)
}
command()
