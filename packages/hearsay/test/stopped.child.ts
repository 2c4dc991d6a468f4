// One node in a process of its own, told by its parent what to do: to publish as fast as it can, and to report.

import { seeds } from '@hearsay/discovery'
import { tcp } from '@hearsay/transport'
import { createNode, type JoinOptions } from '../src/index.js'

export interface Report {
  /** Heap and buffers after a collection, in bytes. */
  readonly memory: number
  /** Messages of the publisher that were delivered: unbroken runs. */
  readonly heard: readonly (readonly [from: number, to: number])[]
  readonly gaps: readonly (readonly [from: number, to: number])[]
  /** Publish to delivery since all was forgotten: half, and 99 of 100, in ms. */
  readonly latencyMs: { readonly p50: number; readonly p99: number }
  readonly peers: number
}

interface Start {
  readonly seeds: readonly string[]
  readonly history: JoinOptions<Uint8Array>['history']
}

const MESSAGE_BYTES = 4_096
const { seeds: addresses, history } = JSON.parse(process.argv[2] ?? '{}') as Start

const node = createNode({
  ...{ host: '127.0.0.1', discovery: [seeds([...addresses])], transports: [tcp()] },
  limits: { pingIntervalMs: 1_000 },
})
const room = await node.join('stopped', { encoding: 'bytes', history: history ?? {} })
const heard: [number, number][] = []
const gaps: [number, number][] = []
let latencies: number[] = []
room.on('message', ({ seq, bytes }) => {
  const last = heard.at(-1)
  if (last?.[1] === seq) last[1]++
  else heard.push([seq, seq + 1])
  latencies.push(nowMs() - new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0))
})
room.on('gap', ({ from, to }) => gaps.push([from, to]))

const commands: Record<string, (argument: number) => Promise<unknown>> = {
  publish: async (ms) => {
    const until = nowMs() + ms
    let count = 0
    for (; nowMs() < until; count++) {
      const payload = new Uint8Array(MESSAGE_BYTES)
      new DataView(payload.buffer).setFloat64(0, nowMs())
      await room.publish(payload)
    }
    return count
  },
  report: async () => {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 50))
    globalThis.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    const sorted = Float64Array.from(latencies).sort()
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0
    const latencyMs = { p50: at(0.5), p99: at(0.99) }
    return { memory: heapUsed + external, heard, gaps, latencyMs, peers: room.peers.size } satisfies Report
  },
  /** What was heard before is no part of the next reports. */
  forget: async () => {
    latencies = []
  },
  close: async () => {
    await node.close()
    process.disconnect?.()
  },
}

process.on('message', async ({ id, command, argument }: { id: number; command: string; argument: number }) => {
  const result = await commands[command]?.(argument)
  if (process.connected) process.send?.({ id, result })
})
process.send?.({ id: 0, result: node.addresses.map(({ host, port }) => `tcp://${host}:${port}`) })

/** The same clock in every process of this machine. */
function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
