// What the comparison takes of js-libp2p. This file is copied to where the libraries are installed, and resolves them there.

export { gossipsub } from '@libp2p/gossipsub'
export { identify } from '@libp2p/identify'
export { noise } from '@libp2p/noise'
export { tcp } from '@libp2p/tcp'
export { yamux } from '@libp2p/yamux'
export { multiaddr } from '@multiformats/multiaddr'
export { createLibp2p } from 'libp2p'
