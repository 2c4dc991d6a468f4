import { entries } from '../../tools/tsup.mjs'

export default entries('index', 'tcp', 'ws', 'hyperdht', 'hyperswarm', 'noise', 'pool', 'machine')
