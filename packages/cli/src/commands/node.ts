// `hearsay node`: a long-lived node that stays in rooms, or with `--bootstrap-server` a private DHT network that others
// can start from.

import { once } from 'node:events'
import { createBootstrapServer } from 'hearsay'
import { CommandError, EXIT } from '../exit.js'
import type { GlobalOptions } from '../global-options.js'
import type { Output } from '../output.js'
import { withSession } from '../session.js'

export interface NodeCommandOptions extends GlobalOptions {
  readonly bootstrapServer: boolean
}

export async function node(
  topics: readonly string[],
  options: NodeCommandOptions,
  output: Output,
  ended: AbortSignal,
): Promise<void> {
  if (topics.length === 0 && !options.bootstrapServer) {
    throw new CommandError(EXIT.usage, 'ERR_USAGE', 'nothing to do', 'Name a topic, or give --bootstrap-server.')
  }
  const server = options.bootstrapServer ? await startBootstrapServer(options, output) : null
  try {
    // With a server of its own, the rooms are announced there and --port is the server's.
    const own = server ? { ...options, port: 0, bootstrap: [server.address] } : options
    if (topics.length > 0) await stayInRooms(topics, own, output, ended)
    else await untilEnded(ended)
  } finally {
    await server?.close()
  }
}

async function startBootstrapServer(options: NodeCommandOptions, output: Output) {
  const server = await createBootstrapServer({
    port: options.port,
    ...(options.host !== null && { host: options.host }),
  })
  await output.object({ type: 'bootstrap', address: server.address })
  await output.line(server.address)
  output.say(`others join this network with --bootstrap ${server.address}`)
  if (options.host === null)
    output.say('for other machines, start it with --host and the address by which they reach this one')
  return server
}

function stayInRooms(
  topics: readonly string[],
  options: GlobalOptions,
  output: Output,
  ended: AbortSignal,
): Promise<void> {
  return withSession({ options, output, ended, keepsHistory: true }, async (session) => {
    await Promise.all(topics.map((topic) => session.join(topic, { since: 'all' })))
    output.say(`in ${topics.join(', ')} as ${session.node.author}`)
    await untilEnded(ended)
  })
}

async function untilEnded(ended: AbortSignal): Promise<void> {
  if (!ended.aborted) await once(ended, 'abort')
}
