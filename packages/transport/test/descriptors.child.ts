// A node over TCP and WebSocket at the limit of its descriptors, as its parent orders, one word a line:
//   fill: takes every descriptor that is left; dial: dials out; free: gives them back; end: closes, and must then exit
// Each line of output is JSON. Nobody listens for errors here: what is not handled ends the process.

import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { createInterface } from 'node:readline'
import { createIdentity, hasCode, parseAddress, printAddress } from '@hearsay/core'
import { createPool, tcp } from '@hearsay/transport'
import { websocket } from '@hearsay/transport/ws'

const say = (line: object): void => console.log(JSON.stringify(line))
const codeOf = (error: unknown): unknown => (error as { readonly code?: string }).code

const pool = createPool({ identity: createIdentity(), transports: [tcp(), websocket()], network: 'test' })
const onWarning = (error: Error): void => say({ warning: codeOf(error), cause: codeOf(error.cause) })
const addresses = await pool.listen({ host: '127.0.0.1', onWarning })
pool.on('link', ({ remote }) => say({ linked: remote }))

const taken: number[] = []
const orders: Readonly<Record<string, () => unknown>> = {
  fill() {
    try {
      while (true) taken.push(openSync(devNull, 'r'))
    } catch (error) {
      if (!hasCode(error, 'EMFILE')) throw error
    }
    say({ full: taken.length > 0, cpuMs: Math.round(process.cpuUsage().user / 1_000) })
  },
  async dial() {
    const error = await pool.connect(parseAddress('tcp://127.0.0.1:9')).catch((reason: unknown) => reason)
    say({ dialled: codeOf(error), cpuMs: Math.round(process.cpuUsage().user / 1_000) })
  },
  free() {
    for (const each of taken.splice(0)) closeSync(each)
    say({ free: true })
  },
  async end() {
    await pool.close()
    say({ closed: true })
    process.stdin.destroy()
  },
}

say({ addresses: addresses.map(printAddress) })
for await (const order of createInterface({ input: process.stdin })) {
  // Not awaited: the next order may come first.
  void orders[order]?.()
  if (order === 'end') break
}
