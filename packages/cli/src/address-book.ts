// The book of addresses that worked, kept in the data directory, so that the next run finds those that this one was linked to.

import { type AddressBook, createAddressBook } from 'hearsay'
import { openDatabase } from './database.js'

export interface StoredBook {
  readonly book: AddressBook
  /** Writes what is not written and closes the database. */
  close(): Promise<void>
}

/** A book on disk, or null where it cannot be had. */
export async function openAddressBook(dataDir: string, say: (text: string) => void): Promise<StoredBook | null> {
  const without = 'addresses are not remembered'
  const database = await openDatabase<string>({ dataDir, name: 'addresses', without }, say)
  if (!database) return null
  const book = createAddressBook({ database })
  return {
    book,
    async close() {
      await book.close()
      await database.close()
    },
  }
}
