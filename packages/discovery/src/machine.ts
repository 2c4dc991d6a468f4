// The sans-io parts of this package, for whoever drives them with other time, randomness and networks than the machine's.

export type {
  ExchangeInput,
  ExchangeMachine,
  ExchangeMachineOptions,
  ExchangeOutput,
  ExchangeWish,
} from './exchange/contract.js'
export { decodeExchangeFrame, type ExchangeFrame, encodeExchangeFrame, MAX_TOLD_RECORDS } from './exchange/frames.js'
export { createExchangeMachine } from './exchange/machine.js'
export type { MdnsInput, MdnsMachine, MdnsMachineOptions, MdnsOutput, MdnsWish } from './mdns/contract.js'
export { createMdnsMachine } from './mdns/machine.js'
export type { DnsPacket, DnsRecord, MdnsInstance, MdnsMessage, MdnsQuery, MdnsResponse } from './mdns/message.js'
export { fromPacket, toPacket } from './mdns/message.js'
export { createLookupSchedule, type LookupSchedule, type LookupScheduleOptions } from './schedule.js'
