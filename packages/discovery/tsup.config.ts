import { entries } from '../../tools/tsup.mjs'

export default entries('index', 'mdns', 'hyperdht', 'mainline', 'seeds', 'machine')
