import { createSocket } from 'node:dgram'

/** A UDP port that nobody has at the moment, so that test runs at the same time do not hear each other. */
export async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}
