// The sans-io parts of this package, for whoever drives them with other time, randomness and networks than the machine's.

export type { MdnsInput, MdnsMachine, MdnsMachineOptions, MdnsOutput, MdnsWish } from './mdns/contract.js'
export { createMdnsMachine } from './mdns/machine.js'
export type { DnsPacket, DnsRecord, MdnsInstance, MdnsMessage, MdnsQuery, MdnsResponse } from './mdns/message.js'
export { fromPacket, toPacket } from './mdns/message.js'
export { createLookupSchedule, type LookupSchedule, type LookupScheduleOptions } from './schedule.js'
