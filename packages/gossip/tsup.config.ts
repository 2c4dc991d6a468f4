import { entries } from '../../tools/tsup.mjs'

export default entries('index', 'flood', 'machine', 'trees')
