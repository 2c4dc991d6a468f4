// The numbers of all scenes as a table: a row for each thing that was measured, a column for each stack, and the ratio.

/** How a number is said; what is not more than `least` is as good as nothing, and no ratio is made of it. */
const WHOLE = { text: (value) => Math.round(value).toLocaleString('en'), least: 0 }
const TENTHS = { text: (value) => value.toFixed(1), least: 0 }
const HUNDREDTHS = { text: (value) => value.toFixed(2), least: 0.005 }
const MS = { text: (value) => `${value.toFixed(1)} ms`, least: 0 }
const SHARE = { text: (value) => `${Math.round(100 * value)} %`, least: 0 }
const MEGABYTES = { text: (value) => `${(value / 1e6).toFixed(2)} MB`, least: 0.1e6 }

/** Beyond it a ratio says how little the lesser number is, and no more. */
const MOST = 100

const SCENES = ['single', 'batched', 'calm', 'absent', 'pair', 'stopped']

/**
 * @param kinds gossipsub, the same tuned, and Hearsay
 * @param resultOf (kind, scene) the scene's numbers, or an error
 */
export function tableOf(kinds, resultOf, seconds) {
  const rows = rowsOf(seconds).map(([what, unit, scenes, pick, isMoreBetter]) => {
    const values = kinds.map((kind) =>
      numberOf(
        scenes.map((scene) => resultOf(kind, scene)),
        pick,
      ),
    )
    const said = values.map((value) => (value === null ? 'left out' : unit.text(value)))
    return [what, ...said, ratioOf(values, unit.least, isMoreBetter)]
  })
  return {
    columns: ['what', 'gossipsub default', 'gossipsub tuned', 'Hearsay', 'ratio to the better of them'],
    rows,
    notes: kinds.flatMap((kind) => SCENES.flatMap((scene) => notesOf(`${kind} (${scene})`, resultOf(kind, scene)))),
  }
}

/** Rows are [what, how it is said, its scenes, where its number is in them, whether more is better]. */
function rowsOf({ apart, stopped }) {
  return [
    ['deliveries/s, saturated, one message at a time', WHOLE, ['single'], ({ perSecond }) => perSecond, true],
    ['deliveries/s, saturated, 64 in a tick', WHOLE, ['batched'], ({ perSecond }) => perSecond, true],
    ['CPU of a delivery in µs, one message at a time', TENTHS, ['single'], ({ cpu }) => cpu],
    ['CPU of a delivery in µs, 64 in a tick', TENTHS, ['batched'], ({ cpu }) => cpu],
    ['10 messages/s, p50', MS, ['calm'], ({ small }) => small.p50],
    ['10 messages/s, p99', MS, ['calm'], ({ small }) => small.p99],
    ['wire bytes of a delivery, 10 messages/s', WHOLE, ['calm'], ({ small }) => small.bytes],
    ['wire bytes of a delivery, saturated', WHOLE, ['single'], ({ bytes }) => bytes],
    ['wire bytes of a delivery, 64 in a tick', WHOLE, ['batched'], ({ bytes }) => bytes],
    ['redundant copies of a delivery, 10 messages/s', HUNDREDTHS, ['calm'], ({ small }) => small.redundant],
    ['redundant copies of a delivery, saturated', HUNDREDTHS, ['single'], ({ redundant }) => redundant],
    ['signature checks of a delivery', HUNDREDTHS, ['single'], ({ checks }) => checks],
    ['signature checks of a delivery, 64 in a tick', HUNDREDTHS, ['batched'], ({ checks }) => checks],
    ['who joins hears of 100 earlier messages', SHARE, ['absent'], ({ joiner }) => joiner, true],
    [`of what was said in ${apart} s apart, is heard then`, SHARE, ['absent'], ({ partition }) => partition, true],
    [
      `memory for a stopped peer, ${stopped} s of 500 × 4 KiB/s`,
      MEGABYTES,
      ['pair', 'stopped'],
      (pair, stopped) => stopped.grown - pair.grown,
    ],
    [`memory of two nodes, ${stopped} s of 500 × 4 KiB/s`, MEGABYTES, ['pair'], ({ grown }) => grown],
    ['1 MiB to 20 nodes, p50', MS, ['calm'], ({ big }) => big.p50],
    ['1 MiB to 20 nodes, wire bytes of a delivery', MEGABYTES, ['calm'], ({ big }) => big.bytes],
  ]
}

/** Null if a scene of it did not end well. */
function numberOf(results, pick) {
  return results.some((result) => result instanceof Error) ? null : pick(...results)
}

/** How many times better Hearsay is than the better gossipsub; below 1 where that wins. */
function ratioOf([usual, tuned, ours], least, isMoreBetter = false) {
  const theirs = [usual, tuned].filter((value) => value !== null)
  if (ours === null || theirs.length === 0) return '–'
  const best = isMoreBetter ? Math.max(...theirs) : Math.min(...theirs)
  if (Math.min(best, ours) <= least) return '–'
  const ratio = isMoreBetter ? ours / best : best / ours
  if (ratio > MOST) return `over ${MOST}`
  return ratio < 1 ? `${ratio.toFixed(2)}, gossipsub wins` : ratio.toFixed(ratio < 10 ? 1 : 0)
}

/** What the table does not say of a scene. */
function notesOf(name, result) {
  if (result instanceof Error) return [`${name}: ${result.message}`]
  if (result.count < result.wanted)
    return [`${name}: only ${result.count} of ${result.wanted} messages could be published`]
  const lost = (result.lost ?? 0) + (result.small?.lost ?? 0) + (result.big?.lost ?? 0)
  return lost > 0 ? [`${name}: ${lost} deliveries did not come within 10 s`] : []
}
