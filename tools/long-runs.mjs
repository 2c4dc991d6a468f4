// The long test families, whole: each runs from a seed until its budget is spent, and every failing seed is printed with the
// command that repeats it. The result becomes a line of docs/long-runs.md. Large swarms are run when they are named: one takes
// two minutes.
// usage: npm run test:long -- [--family <name>] [--seed <first>] [--seconds <budget of each family>] [--no-record]

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { simulate, simulateSwarm } from '@hearsay/simulator'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = fileURLToPath(new URL('../docs/long-runs.md', import.meta.url))

/** What went wrong with this seed, or null. */
const short = {
  'flood-cuts': (seed) => complaintOf(simulate({ seed, nodes: 12, messages: 100, cuts: 60 })),
  'flood-large': (seed) => complaintOf(simulate({ seed, nodes: 60, degree: 3, messages: 200, cuts: 100 })),
  meet: () => {
    const { status, stderr } = spawnSync(process.execPath, ['examples/meet.mjs'], { cwd: root, encoding: 'utf8' })
    return status === 0 ? null : `the demonstration ended with ${status}: ${stderr.trim()}`
  },
}
const large = {
  'half-vanishes': (seed) => {
    const swarm = { nodes: 1_000, authors: 20, records: 50, fault: { type: 'crash', share: 0.5 } }
    return swarmComplaintOf(simulateSwarm({ seed, ...swarm }))
  },
  apart: (seed) => {
    const said = { authors: 8, records: 15_000, intervalMs: 40 }
    const report = simulateSwarm({ seed, nodes: 64, ...said, fault: { type: 'split', parts: 2 + (seed % 7) } })
    return (
      swarmComplaintOf(report) ?? (report.healingBytes > 1.1 ? `${report.healingBytes} of the missing bytes` : null)
    )
  },
}
const families = { ...short, ...large }

/** What only those had who vanished is a gap, and no loss; `missed` is what did not come within ten seconds. */
function swarmComplaintOf({ violations, missed }) {
  return violations[0] ?? (missed > 0 ? `${missed} missed` : null)
}

function complaintOf({ violations, missed, gaps, delivered, expected }) {
  if (violations.length > 0) return violations[0]
  if (missed > 0 || gaps > 0) return `${missed} missed, ${gaps} gaps`
  return delivered === expected ? null : `${delivered} of ${expected} delivered`
}

function runFamily(name, { firstSeed, seconds }) {
  const startedAt = performance.now()
  const failures = []
  let seed = firstSeed
  for (; performance.now() - startedAt < seconds * 1_000; seed++) {
    const complaint = families[name](seed)
    if (name in large) console.log(`${name}: seed ${seed}: ${complaint ?? 'passed'}`)
    if (complaint === null) continue
    failures.push(seed)
    console.error(
      `${name}: seed ${seed}: ${complaint}\n  repeat: npm run test:long -- --family ${name} --seed ${seed} --seconds 0.001 --no-record`,
    )
  }
  const took = Math.round((performance.now() - startedAt) / 1_000)
  console.log(`${name}: ${seed - firstSeed} runs in ${took} s, ${failures.length} failed`)
  return { name, runs: seed - firstSeed, seeds: `${firstSeed}–${seed - 1}`, took, failures }
}

function record(results) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
  const day = new Date().toISOString().slice(0, 10)
  const rows = results.map(({ name, runs, seeds, took, failures }) => {
    const outcome = failures.length === 0 ? 'all passed' : `failed: ${failures.join(', ')}`
    return `| ${day} | ${commit} | ${name} | ${runs} | ${seeds} | ${took} s | ${outcome} |\n`
  })
  const text = readFileSync(page, 'utf8')
  const end = text.indexOf('\n\n', text.indexOf('| day |')) + 1
  writeFileSync(page, text.slice(0, end) + rows.join('') + text.slice(end))
}

const { values } = parseArgs({
  options: {
    family: { type: 'string' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '120' },
    'no-record': { type: 'boolean', default: false },
  },
})
const names = values.family === undefined ? Object.keys(short) : [values.family]
if (names.some((name) => !(name in families))) {
  console.error(`families: ${Object.keys(families).join(', ')}`)
  process.exit(2)
}
const results = names.map((name) =>
  runFamily(name, { firstSeed: Number(values.seed), seconds: Number(values.seconds) }),
)
if (!values['no-record']) record(results)
process.exitCode = results.some(({ failures }) => failures.length > 0) ? 1 : 0
