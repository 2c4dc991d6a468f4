import { entries } from '../../tools/tsup.mjs'

export default entries('index', 'tcp', 'noise', 'memory', 'pool', 'machine')
