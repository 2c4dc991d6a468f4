// What Hearsay nodes say to each other over mDNS, and its form as DNS records (RFC 6762, RFC 6763). This file alone knows
// that form. What comes in was decoded by a library from bytes of anybody: everything in it is checked here, and what is
// not ours is null.

import { isIP } from 'node:net'
import { isLoopback } from './interfaces.js'

/** Somebody asks who is there; those that it knows already need not answer. */
export interface MdnsQuery {
  readonly kind: 'query'
  /** Labels of the instances that the asker knows. */
  readonly known: readonly string[]
}

/** Somebody says who is there, or who is there no longer. */
export interface MdnsResponse {
  readonly kind: 'response'
  readonly instances: readonly MdnsInstance[]
  /** Labels of instances that have ended. */
  readonly goodbyes: readonly string[]
}

/** Up to 32 topics of one node. Its label says nothing about the node and lives an hour at most. */
export interface MdnsInstance {
  /** 16 hexadecimal digits. */
  readonly label: string
  /** Where the node accepts TCP, at the address that the packet came from. */
  readonly port: number
  /** 16 bytes that the hashes are salted with. */
  readonly salt: Uint8Array
  /** 8 bytes for each topic. */
  readonly hashes: readonly Uint8Array[]
  /** How long to believe this, in milliseconds. */
  readonly ttlMs: number
  /** The loopback address that it names, if it names one; to be believed of a source on this machine alone. */
  readonly loopback?: string
}

export type MdnsMessage = MdnsQuery | MdnsResponse

/** A packet as the `dns-packet` library takes it. */
export interface DnsPacket {
  readonly type: 'query' | 'response'
  readonly flags: number
  readonly questions: readonly DnsQuestion[]
  readonly answers: readonly DnsRecord[]
}

export interface DnsQuestion {
  readonly name: string
  readonly type: string
}

export interface DnsRecord extends DnsQuestion {
  readonly ttl: number
  /** RFC 6762 §10.2: forget what you knew under this name. */
  readonly flush?: boolean
  readonly data: unknown
}

export const SERVICE = '_hearsay._udp.local'
export const LABEL_BYTES = 8
export const SALT_BYTES = 16
export const TOPIC_HASH_BYTES = 8
/** More would not fit one packet of 1,232 bytes, which every network carries whole. */
export const MAX_TOPICS_PER_INSTANCE = 32
/** How long receivers believe an instance: RFC 6762 §10 recommends two minutes for what changes with the host. */
export const TTL_S = 120
/** No remote can make us remember it for longer than its label lives. */
const MAX_TTL_S = 3_600
/** 70 bytes each as a known answer: so that a query too fits one packet. */
export const MAX_KNOWN_ANSWERS = 12
/** Our packets carry four records; whoever sends more than this at once is not one of us. */
const MAX_RECORDS = 64
const HASHES_PER_STRING = 16
const AUTHORITATIVE = 1 << 10

/** The message as a packet; `address` is where the sender's listeners are on the interface. */
export function toPacket(message: MdnsMessage, address: string): DnsPacket {
  if (message.kind === 'query') {
    const answers = message.known.slice(0, MAX_KNOWN_ANSWERS).map((label) => pointer(label, TTL_S))
    return { type: 'query', flags: 0, questions: [{ name: SERVICE, type: 'PTR' }], answers }
  }
  const answers = [
    ...message.instances.flatMap((instance) => instanceRecords(instance, address)),
    ...message.goodbyes.map((label) => pointer(label, 0)),
  ]
  return { type: 'response', flags: AUTHORITATIVE, questions: [], answers }
}

function instanceRecords(instance: MdnsInstance, address: string): DnsRecord[] {
  const name = `${instance.label}.${SERVICE}`
  const target = `${instance.label}.local`
  const ttl = Math.floor(instance.ttlMs / 1_000)
  const location = { priority: 0, weight: 0, port: instance.port, target }
  return [
    pointer(instance.label, ttl),
    { name, type: 'SRV', ttl, flush: true, data: location },
    { name, type: 'TXT', ttl, flush: true, data: textStrings(instance) },
    { name: target, type: address.includes(':') ? 'AAAA' : 'A', ttl, flush: true, data: address.replace(/%.*$/, '') },
  ]
}

function pointer(label: string, ttl: number): DnsRecord {
  return { name: SERVICE, type: 'PTR', ttl, data: `${label}.${SERVICE}` }
}

/** `v=1`, `s=<salt>`, `t0=<hashes>`, `t1=<hashes>`: a key may stand only once (RFC 6763 §6.4), a string has 255 bytes. */
function textStrings({ salt, hashes }: MdnsInstance): Buffer[] {
  const strings = [Buffer.from('v=1'), Buffer.concat([Buffer.from('s='), salt])]
  for (let at = 0; at < hashes.length; at += HASHES_PER_STRING) {
    const key = Buffer.from(`t${at / HASHES_PER_STRING}=`)
    strings.push(Buffer.concat([key, ...hashes.slice(at, at + HASHES_PER_STRING)]))
  }
  return strings
}

/** What a decoded packet says to us, or null if it says nothing. Never throws, whatever `packet` is. */
export function fromPacket(packet: unknown): MdnsMessage | null {
  if (!isObject(packet)) return null
  const records = [...recordsOf(packet.answers), ...recordsOf(packet.additionals)]
  if (packet.type === 'query') return readQuery(recordsOf(packet.questions), records)
  return packet.type === 'response' ? readResponse(records) : null
}

function readQuery(questions: readonly LooseRecord[], answers: readonly LooseRecord[]): MdnsQuery | null {
  const asked = questions.some(({ name, type }) => isService(name) && (type === 'PTR' || type === 'ANY'))
  return asked ? { kind: 'query', known: pointers(answers).map(({ label }) => label) } : null
}

function readResponse(records: readonly LooseRecord[]): MdnsResponse | null {
  const instances: MdnsInstance[] = []
  const goodbyes: string[] = []
  for (const { label, ttlS } of pointers(records)) {
    const instance = ttlS > 0 ? readInstance(label, ttlS, records) : null
    if (ttlS === 0) goodbyes.push(label)
    else if (instance) instances.push(instance)
  }
  return instances.length + goodbyes.length > 0 ? { kind: 'response', instances, goodbyes } : null
}

function readInstance(label: string, ttlS: number, records: readonly LooseRecord[]): MdnsInstance | null {
  const name = `${label}.${SERVICE}`
  const of = (type: string): unknown =>
    records.find((record) => record.type === type && isName(record.name, name))?.data
  const location = of('SRV')
  const text = readText(of('TXT'))
  if (!isObject(location) || !isPort(location.port) || !text) return null
  const ttlMs = Math.min(ttlS, MAX_TTL_S) * 1_000
  return { label, port: location.port, ttlMs, ...text, ...readLoopback(`${label}.local`, records) }
}

/** Addresses elsewhere are not even read: where a packet came from is a better answer than what it says. */
function readLoopback(target: string, records: readonly LooseRecord[]): Pick<MdnsInstance, 'loopback'> {
  const address = records.find(({ name, type }) => (type === 'A' || type === 'AAAA') && isName(name, target))?.data
  return typeof address === 'string' && isIP(address) !== 0 && isLoopback(address) ? { loopback: address } : {}
}

function readText(data: unknown): Pick<MdnsInstance, 'salt' | 'hashes'> | null {
  if (!Array.isArray(data) || data.length > 16) return null
  const values = new Map<string, Uint8Array>()
  for (const part of data.filter((part) => part instanceof Uint8Array)) {
    const split = part.indexOf(0x3d)
    const key = String.fromCharCode(...part.subarray(0, Math.min(Math.max(split, 0), 8)))
    if (!values.has(key)) values.set(key, part.subarray(split + 1))
  }
  const salt = values.get('s')
  if (!isVersion(values.get('v')) || salt?.byteLength !== SALT_BYTES) return null
  const hashes = [...splitHashes(values.get('t0')), ...splitHashes(values.get('t1'))]
  // Plain copies: what the library gives are Buffers that would keep whole packets alive.
  return { salt: Uint8Array.from(salt), hashes }
}

function splitHashes(bytes: Uint8Array = new Uint8Array()): Uint8Array[] {
  const count = Math.min(Math.floor(bytes.byteLength / TOPIC_HASH_BYTES), HASHES_PER_STRING)
  return Array.from({ length: count }, (_, i) => Uint8Array.from(bytes.subarray(i * 8, i * 8 + TOPIC_HASH_BYTES)))
}

/** Labels that PTR records of the service point to, each once; what is shaped otherwise is left out. */
function pointers(records: readonly LooseRecord[]): { readonly label: string; readonly ttlS: number }[] {
  const found = new Map<string, { label: string; ttlS: number }>()
  for (const { name, type, ttl, data } of records) {
    if (type !== 'PTR' || !isService(name) || typeof data !== 'string' || data.length > 253) continue
    const [label = '', ...service] = data.split('.')
    const lower = label.toLowerCase()
    if (/^[0-9a-f]{16}$/.test(lower) && isService(service.join('.')) && typeof ttl === 'number') {
      found.set(lower, { label: lower, ttlS: ttl })
    }
  }
  return [...found.values()]
}

/** A record whose members may be anything. */
interface LooseRecord {
  readonly name?: unknown
  readonly type?: unknown
  readonly ttl?: unknown
  readonly data?: unknown
}

function recordsOf(list: unknown): LooseRecord[] {
  return Array.isArray(list) ? list.slice(0, MAX_RECORDS).filter(isObject) : []
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isService(name: unknown): boolean {
  return isName(name, SERVICE)
}

/** DNS names differ in case without differing. */
function isName(name: unknown, expected: string): boolean {
  return typeof name === 'string' && name.length === expected.length && name.toLowerCase() === expected
}

function isPort(port: unknown): port is number {
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536
}

function isVersion(bytes: Uint8Array | undefined): boolean {
  return bytes?.byteLength === 1 && bytes[0] === 0x31
}
