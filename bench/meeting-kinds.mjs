// What is compared: a node with one discovery alone, or a hyperswarm, behind the same two calls.

import { createHash } from 'node:crypto'
import { createNode, hyperdht, mainline, mdns } from 'hearsay'
import Hyperswarm from 'hyperswarm'

export const KINDS = {
  mdns: 'mDNS',
  hyperdht: 'HyperDHT',
  mainline: 'mainline DHT',
  hyperswarm: 'hyperswarm 4.17.2',
}

const host = '127.0.0.1'

export async function open(kind, bootstrap) {
  if (kind === 'hyperswarm') return openHyperswarm(bootstrap)
  const discoveries = {
    mdns: () => mdns({ host }),
    hyperdht: () => hyperdht({ host, port: 0, bootstrap: [bootstrap] }),
    mainline: () => mainline({ host, bootstrap: [bootstrap] }),
  }
  const node = createNode({ host, discovery: [discoveries[kind]()] })
  await node.ready()
  return {
    meet: async (topic) => (await node.join(topic)).ready(),
    close: () => node.close(),
  }
}

function openHyperswarm(address) {
  const [host, port] = address.split(':')
  const swarm = new Hyperswarm({ bootstrap: [{ host, port: Number(port) }] })
  return {
    meet(topic) {
      const linked = new Promise((resolve) => {
        swarm.on('connection', (stream) => {
          stream.on('error', () => {})
          resolve()
        })
      })
      swarm.join(createHash('sha256').update(topic).digest())
      return linked
    },
    close: () => swarm.destroy(),
  }
}
