// One run of a command that talks to others: a node made from the options, what it tells on the way, and a clean leave
// when the command ends, the reader goes away, or a signal comes.

import { readFile } from 'node:fs/promises'
import {
  type AddressBook,
  createNode,
  type DataDirectory,
  type JoinOptions,
  levelStore,
  type Node,
  openDataDirectory,
  type Peer,
  printAddress,
  type Room,
  readEnvironment,
  type StoreDatabase,
  type Topic,
} from 'hearsay'
import { openAddressBook } from './address-book.js'
import { openDatabase } from './database.js'
import { CommandError, EXIT } from './exit.js'
import type { GlobalOptions } from './global-options.js'
import type { Output } from './output.js'

export interface Session {
  readonly node: Node
  /** Fires when the command is to end: a signal, or a stdout that nobody reads. */
  readonly ended: AbortSignal
  /** Joins, and with `-v` tells who comes and goes. */
  join(topic: string, options?: Pick<JoinOptions<unknown>, 'since'>): Promise<Room<unknown>>
}

interface Surroundings {
  readonly options: GlobalOptions
  readonly output: Output
  readonly ended: AbortSignal
  /** The data directory also keeps what is said in the rooms. @default false */
  readonly keepsHistory?: boolean
}

/** Runs `body` with a node; leaves cleanly however it ends. */
export async function withSession(
  surroundings: Surroundings,
  body: (session: Session) => Promise<void>,
): Promise<void> {
  // A command runs until it is done, also while nothing of the node keeps the process alive (it only dials, and nobody is there).
  const alive = setInterval(() => {}, 2 ** 30)
  try {
    await runWithNode(surroundings, body)
  } finally {
    clearInterval(alive)
  }
}

async function runWithNode(
  { options, output, ended, keepsHistory = false }: Surroundings,
  body: (session: Session) => Promise<void>,
): Promise<void> {
  const directory = options.ephemeral ? null : await openDataDirectory(options.dataDir)
  if (directory?.shared) output.say('another command uses this data directory: this one links under a key of its own')
  try {
    // One process at a time can have what is kept there.
    const dataDir = directory && !directory.shared ? options.dataDir : null
    const say = (text: string): void => output.say(text)
    const stored = dataDir === null ? null : await openAddressBook(dataDir, say)
    const history = dataDir === null || !keepsHistory ? null : await openHistory(dataDir, say)
    const node = openNode(options, { directory, book: stored?.book ?? null, history })
    try {
      await node.ready()
      if (options.verbose) await tellAddresses(node, output)
      await body({ node, ended, join: (topic, more) => joinTold(node, topic, { options, output, more }) })
    } finally {
      await node.close()
      await stored?.close()
      await history?.close()
    }
  } finally {
    await directory?.release()
  }
}

function openNode(
  options: GlobalOptions,
  {
    directory,
    book,
    history,
  }: {
    readonly directory: DataDirectory | null
    readonly book: AddressBook | null
    readonly history: StoreDatabase | null
  },
): Node {
  const seedPeers = options.seedPeer.map((address) => printAddress(address))
  const { mainlineBootstrap } = readEnvironment(process.env)
  return createNode({
    environment: { ...options, seedPeers, mainlineBootstrap },
    ...(book && { addressBook: book }),
    ...(history && { store: (topic: Topic) => levelStore(history, topic) }),
    ...(directory && { identity: directory.identity, linkIdentity: directory.linkIdentity, epochs: directory.epochs }),
  })
}

async function tellAddresses(node: Node, output: Output): Promise<void> {
  const addresses = node.addresses.map((address) => printAddress(address))
  await output.object({ type: 'listening', peer: node.id, addresses })
  output.say(`listening on ${addresses.join(' ') || 'nothing'} as ${node.id}`)
}

async function joinTold(
  node: Node,
  topic: string,
  {
    options,
    output,
    more = {},
  }: {
    readonly options: GlobalOptions
    readonly output: Output
    readonly more?: Pick<JoinOptions<unknown>, 'since'> | undefined
  },
): Promise<Room<unknown>> {
  const secret = options.secretFile === null ? {} : { secret: await readSecret(options.secretFile) }
  const room = await node.join(topic, { ...more, ...secret })
  if (!options.verbose) return room
  room.on('peer', (peer) => tellPeer(output, 'peer', peer))
  room.on('peer-leave', (peer) => tellPeer(output, 'peer-leave', peer))
  room.on('warning', (error) => output.say(`warning: ${error.message}`))
  return room
}

function openHistory(dataDir: string, say: (text: string) => void) {
  return openDatabase<Uint8Array>({ dataDir, name: 'history', without: 'what is said is not kept' }, say)
}

/** The file's text without the line end that editors add. */
async function readSecret(path: string): Promise<string> {
  const secret = (await readFile(path, 'utf8')).replace(/\r?\n$/, '')
  if (secret !== '') return secret
  throw new CommandError(EXIT.usage, 'ERR_SECRET', `${path} is empty`, 'Write the passphrase of the topic into it.')
}

async function tellPeer(output: Output, type: 'peer' | 'peer-leave', { id, address, direction }: Peer): Promise<void> {
  const printed = address && printAddress(address)
  await output.object({ type, peer: id, address: printed, direction })
  output.say(`${type === 'peer' ? '+' : '-'} ${id} ${printed ?? ''}`)
}
