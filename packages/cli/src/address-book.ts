// The book of addresses that worked, kept in the data directory, so that the next run finds those that this one was linked to.

import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { type AddressBook, createAddressBook } from 'hearsay'

export interface StoredBook {
  readonly book: AddressBook
  /** Writes what is not written and closes the database. */
  close(): Promise<void>
}

/** A book on disk, or null where it cannot be had; `say` is told why, for it is no reason not to talk. */
export async function openAddressBook(dataDir: string, say: (text: string) => void): Promise<StoredBook | null> {
  const database = new ClassicLevel<string, string>(join(dataDir, 'addresses'))
  try {
    await database.open()
  } catch (error) {
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    say(`addresses are not remembered: ${reason}`)
    return null
  }
  const book = createAddressBook({ database })
  return {
    book,
    async close() {
      await book.close()
      await database.close()
    },
  }
}
