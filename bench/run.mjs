// The benchmarks, side by side in one run, as numbers and as ratios to what they rest on. They time nothing that a test
// asserts. usage: npm run bench [-- --quick]

import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchEngine } from './engine.mjs'
import { benchJoiner } from './joiner.mjs'
import { benchMeeting } from './meeting.mjs'
import { benchThroughput } from './throughput.mjs'
import { benchTransports } from './transports.mjs'
import { benchUtp } from './utp.mjs'

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const scale = values.quick ? 0.2 : 1

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}\n`)
for (const bench of [benchEngine, benchThroughput, benchJoiner, benchTransports, benchUtp, benchMeeting]) {
  const { title, rows } = await bench(scale)
  console.log(`## ${title}\n\n| what | value |\n|---|---|`)
  for (const [what, value] of rows) console.log(`| ${what} | ${value} |`)
  console.log()
}
