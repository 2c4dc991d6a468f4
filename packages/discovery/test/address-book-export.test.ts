import { createTopic, printAddress } from '@hearsay/core'
import { describe, expect, test } from 'vitest'
import { addressesIn, addressOf, createBook, linesOf, listOf, peerOf, recordOf } from './support/book.js'

const A = 'tcp://192.0.2.1:4000'
const B = 'tcp://192.0.2.2:4000'
const lobby = createTopic('lobby')

describe('export and import', () => {
  test('carry what was proven or given by hand, with its signature, and nothing that tells what this node did', async () => {
    const { book } = createBook()
    await book.save(A)
    book.onLinked({ peer: peerOf(1), address: addressOf(1), record: recordOf(1, 1, [B]), topics: [lobby.id] })
    book.onHeard({ peer: peerOf(2), addresses: [addressOf(2)] })
    const lines = await linesOf(book)
    expect(lines.join()).not.toContain(lobby.id)
    const other = createBook()
    expect(await other.book.import(lines)).toEqual({ added: 2, refused: 0 })
    const known = await listOf(other.book)
    expect(known.map(({ peer }) => peer)).toEqual([null, peerOf(1)])
    expect(known[1]).toMatchObject({ proven: false, origin: 'import', topics: [] })
    expect([...(known[1]?.addresses ?? [])].sort()).toEqual([printAddress(addressOf(1)), B].sort())
    expect(known[1]?.record?.seq).toBe(1)
  })

  test('refuse line by line what is not right', async () => {
    const { book } = createBook()
    const good = createBook()
    await good.book.save(recordOf(1, 1, [A]))
    const [header = '', line = ''] = await linesOf(good.book)
    const foreign = JSON.stringify({ ...JSON.parse(line), peer: peerOf(2) })
    const bad = ['{', '[]', 'null', '{"peer":1}', '{"__proto__":{"peer":null},"addresses":["x"]}', foreign]
    const long = JSON.stringify({ peer: null, addresses: [B], more: 'a'.repeat(20_000) })
    const many = JSON.stringify({ peer: null, addresses: Array.from({ length: 17 }, (_, n) => `${A}${n}`) })
    const outcome = await book.import([header, ...bad, long, many, line].join('\r\n'))
    expect(outcome).toEqual({ added: 1, refused: bad.length + 2 })
    expect(await addressesIn(book)).toEqual([A])
  })

  test('refuse another format with a code', async () => {
    const { book } = createBook()
    await expect(book.import('{"type":"something","version":1}\n{}')).rejects.toMatchObject({ code: 'ERR_IMPORT' })
    await expect(book.import('{"type":"hearsay-address-book","version":2}')).rejects.toMatchObject({
      code: 'ERR_IMPORT',
    })
  })
})
