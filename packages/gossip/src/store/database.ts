// What a store needs of a database: a part of `abstract-level` 1 to 3, in whose terms any ordered key-value database can be given.

type Encodings = { readonly keyEncoding: 'utf8'; readonly valueEncoding: 'view' }

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

export interface StoreDatabase {
  /** All or nothing; `sync` asks that a crash of the machine cannot undo it. */
  batch(operations: Operation[], options: Encodings & { readonly sync?: boolean }): Promise<void>
  getMany(keys: string[], options: Encodings): Promise<(Uint8Array | undefined)[]>
  keys(range: { readonly gte: string; readonly lt: string } & Encodings): AsyncIterable<string>
  iterator(range: { readonly gte: string; readonly lt: string } & Encodings): AsyncIterable<[string, Uint8Array]>
}

export const VIEW: Encodings = { keyEncoding: 'utf8', valueEncoding: 'view' }
