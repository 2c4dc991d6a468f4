// The frame by which a node tells what it holds in bulk: runs of records that follow each other, however long, in a few bytes
// each. Like an offer it only prompts questions.

import { MAX_BATCH_MESSAGES } from '@hearsay/core'
import { uint } from 'compact-encoding'
import { type FrameReader, malformed, readU32, readUint, widthOf } from './frame-bytes.js'
import { MAX_ENTRIES, MAX_NAMES } from './range-frames.js'

/** Records of one place without a hole between them. */
export interface Run {
  readonly name: number
  readonly first: number
  /** Messages of all records together. */
  readonly count: number
  /** Messages of the last record, 1 to 1,024. */
  readonly last: number
  /** The first four bytes of its id as a little-endian number: it stands for all of them, for each names the one before it. */
  readonly mark: number
}

export interface RunFrame {
  readonly type: 'run'
  readonly runs: readonly Run[]
}

/** The first byte of the frame. */
export const RUN_TYPE = 14

const MARK_BYTES = 4

export function encodeRunFrame({ runs }: RunFrame): Uint8Array {
  const numbers = ({ name, first, count, last }: Run): readonly number[] => [name, first, count, last]
  const lengthOf = (run: Run): number => numbers(run).reduce((sum, number) => sum + widthOf(number), MARK_BYTES)
  const length = runs.reduce((sum, run) => sum + lengthOf(run), 1)
  const state = { start: 1, end: length, buffer: new Uint8Array(length) }
  state.buffer[0] = RUN_TYPE
  for (const run of runs) {
    for (const number of numbers(run)) uint.encode(state, number)
    for (let shift = 0; shift < 32; shift += 8) state.buffer[state.start++] = (run.mark >>> shift) & 0xff
  }
  return state.buffer
}

/** The frame whose type byte is before `state`; throws `ERR_FRAME`. */
export function decodeRunFrame(state: FrameReader): RunFrame {
  const runs: Run[] = []
  while (state.start < state.end) {
    if (runs.length === MAX_ENTRIES) throw malformed(`more than ${MAX_ENTRIES} runs`)
    runs.push(readRun(state))
  }
  if (runs.length === 0) throw malformed('no runs')
  return { type: 'run', runs }
}

function readRun(state: FrameReader): Run {
  const run = {
    ...{ name: readUint(state), first: readUint(state), count: readUint(state), last: readUint(state) },
    mark: readU32(state),
  }
  if (run.name >= MAX_NAMES) throw malformed(`the name ${run.name}`)
  if (run.last < 1 || run.last > Math.min(run.count, MAX_BATCH_MESSAGES))
    throw malformed(`a last record of ${run.last}`)
  if (!Number.isSafeInteger(run.first + (run.count - 1))) throw malformed('a run that ends beyond 2^53')
  return run
}
