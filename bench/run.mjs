// The benchmarks, side by side in one run, as numbers and as ratios to what they rest on. They time nothing that a test
// asserts. usage: npm run bench [-- --quick] [--peers] [--only <name>]
// `--peers` adds the comparison with gossipsub, which is fetched for it.

import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchEngine } from './engine.mjs'
import { benchGossipsub } from './gossipsub.mjs'
import { benchJoiner } from './joiner.mjs'
import { benchMeeting } from './meeting.mjs'
import { benchThroughput } from './throughput.mjs'
import { benchTransports } from './transports.mjs'
import { benchUtp } from './utp.mjs'

const BENCHES = {
  engine: benchEngine,
  throughput: benchThroughput,
  joiner: benchJoiner,
  transports: benchTransports,
  utp: benchUtp,
  meeting: benchMeeting,
  peers: benchGossipsub,
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
})
const scale = values.quick ? 0.2 : 1
const names = values.only ? [values.only] : Object.keys(BENCHES).filter((name) => name !== 'peers' || values.peers)
if (names.some((name) => !Object.hasOwn(BENCHES, name))) {
  console.error(`--only is one of ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}\n`)
for (const name of names) {
  const { title, columns = ['what', 'value'], rows, notes = [] } = await BENCHES[name](scale)
  console.log(`## ${title}\n\n| ${columns.join(' | ')} |\n|${'---|'.repeat(columns.length)}`)
  for (const row of rows) console.log(`| ${row.join(' | ')} |`)
  for (const note of notes) console.log(`\n${note}`)
  console.log()
}
