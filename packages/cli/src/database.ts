// A database in the data directory. One that was damaged is repaired as far as it goes; one that cannot be had is no reason not
// to talk.

import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'

/** The open database of this name, or null; `say` is told why, as what it means for the user. */
export async function openDatabase<Value>(
  at: { readonly dataDir: string; readonly name: string; readonly without: string },
  say: (text: string) => void,
): Promise<ClassicLevel<string, Value> | null> {
  const path = join(at.dataDir, at.name)
  try {
    return await opened(path)
  } catch (error) {
    if (codeOf(error) !== 'LEVEL_CORRUPTION') return refuse(at.without, error, say)
  }
  try {
    await ClassicLevel.repair(path)
    const database = await opened<Value>(path)
    say(`${at.name} was damaged, and is repaired as far as it goes`)
    return database
  } catch (error) {
    return refuse(at.without, error, say)
  }
}

async function opened<Value>(path: string): Promise<ClassicLevel<string, Value>> {
  const database = new ClassicLevel<string, Value>(path)
  await database.open()
  return database
}

function refuse(without: string, error: unknown, say: (text: string) => void): null {
  say(`${without}: ${reasonOf(error).message}`)
  return null
}

/** The database says what happened in the cause of its error. */
function reasonOf(error: unknown): Error & { readonly code?: unknown } {
  if (error instanceof Error && error.cause instanceof Error) return error.cause
  return error instanceof Error ? error : new Error(String(error))
}

function codeOf(error: unknown): unknown {
  return reasonOf(error).code
}
