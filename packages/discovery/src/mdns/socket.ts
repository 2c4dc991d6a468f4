// One multicast socket on one interface, through the `multicast-dns` library. Whatever goes wrong there ends as a call of
// `onTrouble`: a network that is down makes mDNS quiet, never the process end. What nobody wants is dropped before the
// library decodes it.

import { createSocket, type Socket } from 'node:dgram'
import multicastDns from 'multicast-dns'
import { isWorthDecoding } from './guard.js'
import { isLinkLocal, type LanInterface } from './interfaces.js'

export interface PacketSource {
  readonly address: string
  readonly port: number
}

export interface MdnsSocketHandlers {
  /** The socket is bound. */
  onReady(): void
  /** Asked for every packet before anything is done with it. */
  accepts(from: PacketSource): boolean
  /** A packet as the library decoded it: nothing in it has been checked. */
  onPacket(packet: unknown, from: PacketSource): void
  /** Something failed; `fatal` if the socket will never hear anything. */
  onTrouble(error: unknown, fatal: boolean): void
}

export interface MdnsSocket {
  /** Resolves when the packet has been handed to the network, or could not be, or the socket is closed. */
  send(packet: object): Promise<void>
  close(): Promise<void>
}

const GROUPS = { 4: '224.0.0.251', 6: 'ff02::fb' } as const

/** Opens the socket; only `onReady` or a fatal `onTrouble` tells what became of it. */
export function openMdnsSocket(on: LanInterface, port: number, handlers: MdnsSocketHandlers): MdnsSocket {
  // Bound to the interface's own address, a socket hears no multicast.
  const hearing = openLibrary(on, port, on.family === 4 ? '0.0.0.0' : '::')
  guard(hearing.socket, (bytes, from) => !closed && handlers.accepts(from) && isWorthDecoding(bytes))
  // The system sends from the link-local address, unless a socket is bound to another.
  const speaking = on.family === 6 && !isLinkLocal(on.address) ? openLibrary(on, port, on.address) : hearing
  if (speaking !== hearing) guard(speaking.socket, () => false)
  const opened = speaking === hearing ? [hearing] : [hearing, speaking]
  const pending = new Set<() => void>()
  let waiting = opened.length
  let closed = false

  function onError(error: Error): void {
    if (!closed) handlers.onTrouble(error, waiting > 0)
  }

  for (const { mdns } of opened) {
    mdns.on('ready', () => {
      waiting -= 1
      if (waiting === 0 && !closed) handlers.onReady()
    })
    mdns.on('error', onError)
    mdns.on('warning', (error) => {
      // A packet that cannot be decoded is a warning too: anybody can cause it, so it is not worth a word.
      if (waiting > 0 || 'code' in error) onError(error)
    })
  }
  hearing.mdns.on('packet', (packet, from) => {
    if (!closed) handlers.onPacket(packet, from)
  })

  return {
    send: (packet) =>
      new Promise((resolve) => {
        if (closed) return resolve()
        // Of a packet that is on its way when its socket closes, the system never says what became of it.
        const done = (): void => {
          pending.delete(done)
          resolve()
        }
        pending.add(done)
        try {
          speaking.mdns.send(packet, (error) => {
            if (error) onError(error)
            done()
          })
        } catch (error) {
          handlers.onTrouble(error, false)
          done()
        }
      }),
    close: async () => {
      closed = true
      for (const done of pending) done()
      await Promise.all(opened.map(destroyed))
    },
  }
}

interface Opened {
  readonly mdns: ReturnType<typeof multicastDns>
  readonly socket: Socket
}

function openLibrary(on: LanInterface, port: number, bind: string): Opened {
  const type = on.family === 4 ? 'udp4' : 'udp6'
  const socket = createSocket({ type, reuseAddr: true, ipv6Only: on.family === 6 })
  const multicast = on.family === 4 ? on.address : `::%${on.zones.at(process.platform === 'win32' ? 1 : 0)}`
  const mdns = multicastDns({ port, type, ip: GROUPS[on.family], interface: multicast, bind, loopback: true, socket })
  return { mdns, socket }
}

/** Puts a condition before what the library does with packets: it decodes all of them, and believes their counts. */
function guard(socket: Socket, accepts: (bytes: Uint8Array, from: PacketSource) => boolean): void {
  const listeners = socket.listeners('message')
  socket.removeAllListeners('message')
  socket.on('message', (bytes, from) => {
    if (accepts(bytes, from)) for (const listener of listeners) listener.call(socket, bytes, from)
  })
}

function destroyed({ mdns }: Opened): Promise<void> {
  return new Promise((resolve) => {
    try {
      mdns.destroy(resolve)
    } catch {
      // The socket was closed already, after it could not be bound.
      resolve()
    }
  })
}
