// @hearsay/cli: the `hearsay` command as a function.

export { EXIT, type ExitCode } from './exit.js'
export { main, type Terminal } from './main.js'
