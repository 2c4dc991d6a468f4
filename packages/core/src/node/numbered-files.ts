// Files of a directory whose names are rising numbers, of which the highest is never deleted. Whoever creates the highest
// has it alone; whoever finds a higher one than its own has lost and knows. This needs no lock, survives a crash at any
// point, and two processes cannot both believe that they won.

import { join } from 'node:path'
import { hasCode } from '../errors.js'
import type { FileSystem } from './files.js'
import { createWhole } from './whole-file.js'

/** The numbers in use under `<directory>/<prefix><number>`, highest first; other names are ignored. */
export async function listNumbers(files: FileSystem, place: NumberedPlace): Promise<readonly number[]> {
  const names = await files.list(place.directory)
  return names.flatMap((name) => toNumber(name, place.prefix) ?? []).sort((a, b) => b - a)
}

/** Where numbered files lie. */
export interface NumberedPlace {
  readonly directory: string
  readonly prefix: string
}

/** True if the number is now ours and the highest, on the disk; false if somebody else was there first. */
export async function claimNumber(
  files: FileSystem,
  place: NumberedPlace,
  claim: { readonly number: number; readonly text: string },
): Promise<boolean> {
  if (!(await createWhole(files, pathOf(place, claim.number), claim.text))) return false
  await files.syncDirectory(place.directory)
  const [highest] = await listNumbers(files, place)
  return highest === claim.number
}

/** Deletes what lies below a number that was claimed. Another process may be doing the same. */
export async function removeBelow(files: FileSystem, place: NumberedPlace, number: number): Promise<void> {
  for (const lower of await listNumbers(files, place)) {
    if (lower < number) await removeIfThere(files, pathOf(place, lower))
  }
}

export function pathOf({ directory, prefix }: NumberedPlace, number: number): string {
  return join(directory, `${prefix}${number}`)
}

async function removeIfThere(files: FileSystem, path: string): Promise<void> {
  try {
    await files.remove(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
}

function toNumber(name: string, prefix: string): number | null {
  if (!name.startsWith(prefix)) return null
  const number = Number(name.slice(prefix.length))
  return Number.isSafeInteger(number) && number >= 0 && `${prefix}${number}` === name ? number : null
}
