// Loads or creates an identity and prints its id: <modules> <path> [<call> before|after]
// With a call, this process is killed at the file system call of that number.
import { ready } from './ready.mjs'

const [modules, path, call, when] = process.argv.slice(2)
const { loadOrCreateIdentity, systemFiles } = await import(`${modules}/node.js`)

let calls = 0
const files = Object.fromEntries(
  Object.entries(systemFiles()).map(([name, act]) => [
    name,
    async (...args) => {
      const last = calls++ === Number(call)
      if (last && when === 'before') process.kill(process.pid, 'SIGKILL')
      const result = await act(...args)
      if (last && when === 'after') process.kill(process.pid, 'SIGKILL')
      return result
    },
  ]),
)

await ready()
console.log((await loadOrCreateIdentity(path, { files })).id)
