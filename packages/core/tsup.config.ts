import { entries } from '../../tools/tsup.mjs'

export default entries('index', 'conformance', 'memory', 'node', 'mux', 'stream')
