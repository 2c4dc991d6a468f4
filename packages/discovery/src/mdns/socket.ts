// One multicast socket on one interface, through the `multicast-dns` library. Whatever goes wrong there ends as a call of
// `onTrouble`: a network that is down makes mDNS quiet, never the process end.

import { createSocket } from 'node:dgram'
import multicastDns from 'multicast-dns'
import type { LanInterface } from './interfaces.js'

export interface MdnsSocketHandlers {
  /** The socket is bound. */
  onReady(): void
  /** A packet as the library decoded it: nothing in it has been checked. */
  onPacket(packet: unknown, from: { readonly address: string; readonly port: number }): void
  /** Something failed; `fatal` if the socket will never hear anything. */
  onTrouble(error: unknown, fatal: boolean): void
}

export interface MdnsSocket {
  /** Resolves when the packet has been handed to the network, or could not be. */
  send(packet: object): Promise<void>
  close(): Promise<void>
}

const GROUPS = { 4: '224.0.0.251', 6: 'ff02::fb' } as const

/** Opens the socket; only `onReady` or a fatal `onTrouble` tells what became of it. */
export function openMdnsSocket(on: LanInterface, port: number, handlers: MdnsSocketHandlers): MdnsSocket {
  let ready = false
  let closed = false
  const socket = createSocket({ type: on.family === 4 ? 'udp4' : 'udp6', reuseAddr: true, ipv6Only: on.family === 6 })
  const mdns = multicastDns({
    port,
    type: on.family === 4 ? 'udp4' : 'udp6',
    ip: GROUPS[on.family],
    interface: on.family === 4 ? on.address : `::%${on.zones.at(process.platform === 'win32' ? 1 : 0)}`,
    // Bound to the interface's own address, a socket hears no multicast.
    bind: on.family === 4 ? '0.0.0.0' : '::',
    loopback: true,
    socket,
  })

  function onError(error: Error): void {
    if (!closed) handlers.onTrouble(error, !ready)
  }

  mdns.on('ready', () => {
    ready = true
    if (!closed) handlers.onReady()
  })
  mdns.on('packet', (packet, from) => {
    if (!closed) handlers.onPacket(packet, from)
  })
  mdns.on('error', onError)
  mdns.on('warning', (error) => {
    // A packet that cannot be decoded is a warning too: anybody can cause it, so it is not worth a word.
    if (!ready || 'code' in error) onError(error)
  })

  return {
    send: (packet) =>
      new Promise((resolve) => {
        try {
          mdns.send(packet, (error) => {
            if (error) onError(error)
            resolve()
          })
        } catch (error) {
          handlers.onTrouble(error, false)
          resolve()
        }
      }),
    close: () =>
      new Promise((resolve) => {
        closed = true
        try {
          mdns.destroy(resolve)
        } catch {
          // The socket was closed already, after it could not be bound.
          resolve()
        }
      }),
  }
}
