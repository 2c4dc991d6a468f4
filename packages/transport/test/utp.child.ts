// Two ports of uTP that talk without end, in a worker that its parent terminates, or in a process that is to end by itself:
//   worker: says `true` when bytes flow; close: closes everything, then nothing may keep it alive; exit: ends in the middle

import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { UtpSocket, type UtpStream } from '@hearsay/transport/utp'

async function talk(): Promise<readonly UtpSocket[]> {
  const [near, far] = [await UtpSocket.bind({ host: '127.0.0.1' }), await UtpSocket.bind({ host: '127.0.0.1' })]
  const flowing = new Promise<void>((resolve) => near.accept((stream) => stream.on('data', () => resolve())))
  const stream: UtpStream = await far.connect(near.address)
  const chunk = new Uint8Array(100_000)
  const write = (): void => {
    while (!stream.destroyed && stream.write(chunk));
  }
  stream.on('drain', write)
  write()
  await flowing
  return [near, far]
}

if (!isMainThread) {
  await talk()
  parentPort?.postMessage(true)
} else if (process.argv[2] === 'worker') {
  const worker = new Worker(new URL(import.meta.url))
  await new Promise((resolve) => worker.once('message', resolve))
  await worker.terminate()
  console.log(JSON.stringify({ terminated: true }))
} else {
  const sockets = await talk()
  if (process.argv[2] === 'exit') process.exit(0)
  await Promise.all(sockets.map((socket) => socket.close()))
  console.log(JSON.stringify({ closed: true }))
}
