import { entries } from '../../tools/tsup.mjs'

export default entries('index', 'tcp', 'utp', 'ws', 'ws-browser', 'hyperdht', 'hyperswarm', 'noise', 'pool', 'machine')
