// The numbers of a simulation for people.

import type { Scenario, ScenarioReport } from '@hearsay/simulator'

const LABEL_LETTERS = 11

/** One line for each thing worth knowing; nothing in it depends on how fast this machine is. */
export function simulationTable(scenario: Scenario, report: ScenarioReport): readonly string[] {
  const { latencyMs, redundancy } = report
  const rows: readonly (readonly [label: string, text: string])[] = [
    ['scenario', `${scenario.name}, engine ${report.engine}, seed ${report.seed}`],
    ['nodes', `${report.nodes}, honest and alive at the end ${report.survivors}${cutOff(report)}`],
    ['delivered', `${report.delivered} of ${report.expected}, missed ${report.missed}, gaps told ${report.gaps}`],
    ['latency', `p50 ${whole(latencyMs.p50)} ms, p99 ${whole(latencyMs.p99)} ms, most ${whole(latencyMs.most)} ms`],
    ['hops', `${report.lastHop} at most`],
    ['copies', `${redundancy.all.toFixed(2)} redundant by delivery, ${redundancy.warm.toFixed(2)} once warm`],
    ['bytes', `${report.bytes} sent, ${whole(report.controlBytes)} of control by delivery`],
    ['memory', `${report.memory.total} bytes under way at most, ${report.memory.ofOneLink} on one link`],
    ['time', `${whole(report.virtualMs / 1_000)} virtual seconds${held(scenario)}`],
    ['trace', report.trace],
  ]
  return rows.map(([label, text]) => `${label.padEnd(LABEL_LETTERS)}${text}`)
}

function cutOff({ cutOff: nodes }: ScenarioReport): string {
  return nodes === 0 ? '' : `, cut off by others ${nodes}`
}

function held({ holdMs }: Scenario): string {
  return holdMs === null ? '' : `; a hole is waited for ${whole(holdMs / 1_000)} s`
}

function whole(value: number): string {
  return String(Math.round(value))
}
