// As much BitTorrent (BEP 3) over a byte stream as it takes to fetch a file from a peer, or to give it one.

import { createHash } from 'node:crypto'
import type { Duplex } from 'node:stream'

const PIECE_BYTES = 65_536
const BLOCK_BYTES = 16_384
const HANDSHAKE_BYTES = 68
/** Blocks that are asked for ahead. */
const AHEAD = 64
const [UNCHOKE, INTERESTED, BITFIELD, REQUEST, PIECE] = [1, 2, 5, 6, 7]

function handshake(info: string): Buffer {
  const head = Buffer.concat([Buffer.from([19]), Buffer.from('BitTorrent protocol'), Buffer.alloc(8)])
  return Buffer.concat([head, Buffer.from(info, 'hex'), Buffer.from('-XX0001-abcdefghijkl')])
}

function message(kind: number | undefined, numbers: readonly number[], bytes: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(5 + 4 * numbers.length)
  head.writeUInt32BE(head.length - 4 + bytes.length, 0)
  head[4] = kind ?? 0
  for (const [index, number] of numbers.entries()) head.writeUInt32BE(number, 5 + 4 * index)
  return Buffer.concat([head, bytes])
}

/** Calls `onMessage` for each message after the handshake, which `onHandshake` hears. */
function parse(stream: Duplex, onHandshake: () => void, onMessage: (kind: number, body: Buffer) => void): void {
  let buffered = Buffer.alloc(0)
  let isShaken = false
  stream.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk])
    if (!isShaken) {
      if (buffered.length < HANDSHAKE_BYTES) return
      buffered = buffered.subarray(HANDSHAKE_BYTES)
      isShaken = true
      onHandshake()
    }
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readUInt32BE(0)) {
      const body = buffered.subarray(4, 4 + buffered.readUInt32BE(0))
      buffered = buffered.subarray(4 + body.length)
      if (body.length > 0) onMessage(body[0] ?? 0, body)
    }
  })
}

/** The file of so many bytes that the peer has. */
export function fetchFile(stream: Duplex, info: string, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const file = Buffer.alloc(bytes)
    let [asked, received] = [0, 0]
    const ask = (): void => {
      for (; asked < bytes && asked - received < AHEAD * BLOCK_BYTES; asked += BLOCK_BYTES) {
        const length = Math.min(BLOCK_BYTES, bytes - asked)
        stream.write(message(REQUEST, [Math.floor(asked / PIECE_BYTES), asked % PIECE_BYTES, length]))
      }
    }
    const onMessage = (kind: number, body: Buffer): void => {
      if (kind === UNCHOKE) ask()
      if (kind !== PIECE) return
      body.copy(file, body.readUInt32BE(1) * PIECE_BYTES + body.readUInt32BE(5), 9)
      received += body.length - 9
      if (received >= bytes) resolve(file)
      else ask()
    }
    parse(stream, () => stream.write(message(INTERESTED, [])), onMessage)
    stream.on('close', () => reject(new Error(`closed after ${received} bytes`)))
    stream.write(handshake(info))
  })
}

/** Gives the file to whoever asks; who has dialled speaks first. */
export function giveFile(
  stream: Duplex,
  info: string,
  file: Buffer,
  { dialled = false }: { readonly dialled?: boolean } = {},
): void {
  const pieces = Math.ceil(file.length / PIECE_BYTES)
  const bits = Buffer.alloc(Math.ceil(pieces / 8))
  for (let piece = 0; piece < pieces; piece++) bits[piece >> 3] = (bits[piece >> 3] ?? 0) | (0x80 >> (piece & 7))
  if (dialled) stream.write(handshake(info))
  const onHandshake = (): void => {
    if (!dialled) stream.write(handshake(info))
    stream.write(message(BITFIELD, [], bits))
    stream.write(message(UNCHOKE, []))
  }
  parse(stream, onHandshake, (kind, body) => {
    if (kind !== REQUEST) return
    const [piece, from, length] = [1, 5, 9].map((at) => body.readUInt32BE(at)) as [number, number, number]
    const at = piece * PIECE_BYTES + from
    stream.write(message(PIECE, [piece, from], file.subarray(at, at + length)))
  })
}

/** The torrent of a file, with a tracker if its URL is given, and what it is called by in handshakes. */
export function torrentOf(
  name: string,
  file: Buffer,
  tracker?: string,
): { readonly info: string; readonly torrent: Buffer } {
  const hashes: Buffer[] = []
  for (let at = 0; at < file.length; at += PIECE_BYTES) {
    hashes.push(
      createHash('sha1')
        .update(file.subarray(at, at + PIECE_BYTES))
        .digest(),
    )
  }
  const pieces = Buffer.concat(hashes)
  const text = `d6:lengthi${file.length}e4:name${name.length}:${name}12:piece lengthi${PIECE_BYTES}e6:pieces${pieces.length}:`
  const info = Buffer.concat([Buffer.from(text), pieces, Buffer.from('e')])
  const announce = tracker === undefined ? '' : `8:announce${tracker.length}:${tracker}`
  const torrent = Buffer.concat([Buffer.from(`d${announce}4:info`), info, Buffer.from('e')])
  return { info: createHash('sha1').update(info).digest('hex'), torrent }
}
