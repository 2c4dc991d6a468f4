// Whose affair an input is: what concerns one neighbour need not be told to all others.

import type { Input } from '../engine.js'

/** Inputs that are one neighbour's affair, or nobody's, unless they change something. */
export type InputOfOne = Extract<Input, { type: 'frame' | 'window' | 'timer' }>

export function isOfOne(input: Input): input is InputOfOne {
  return input.type === 'frame' || input.type === 'window' || input.type === 'timer'
}
