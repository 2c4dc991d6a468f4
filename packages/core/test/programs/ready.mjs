// Says that this program has loaded, and waits until it may begin.
import { once } from 'node:events'

export async function ready() {
  console.log('ready')
  await once(process.stdin, 'data')
  process.stdin.unref?.()
}
