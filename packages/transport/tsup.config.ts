import { entries } from '../../tools/tsup.mjs'

export default entries('index', 'tcp', 'noise', 'pool', 'machine')
