// The name of the channel of a topic's gossip; the number changes with its frames.

export const ROOM_PROTOCOL = 'hearsay/room/1'
