// Locks a directory, says whether it has it, and lives until its stdin ends: <modules> <directory>
import { once } from 'node:events'
import { ready } from './ready.mjs'

const [modules, directory] = process.argv.slice(2)
const { lockDirectory } = await import(`${modules}/node.js`)
await ready()
const { held } = await lockDirectory(directory)
console.log(held ? 'held' : 'not held')
process.stdin.ref?.()
await once(process.stdin, 'end')
