// libutp by way of `utp-native`, in a process of its own, since it can abort one. Arguments: `listen`, or `dial <port>`; then
// bytes to send. It sends a pattern, checks the pattern that comes, and prints JSON.
'use strict'
const { createHash } = require('node:crypto')
const native = require('utp-native')

const [role, ...rest] = process.argv.slice(2)
const bytes = Number(rest.at(-1))
const say = (line) => console.log(JSON.stringify(line))

function pattern(from, length) {
  const out = Buffer.alloc(length)
  for (let index = 0; index < length; index++) out[index] = ((from + index) * 31 + ((from + index) >> 8) * 7) & 0xff
  return out
}

function run(stream) {
  const hash = createHash('sha256')
  let received = 0
  let sent = 0
  const send = () => {
    while (sent < bytes) {
      const chunk = pattern(sent, Math.min(65536, bytes - sent))
      sent += chunk.length
      if (!stream.write(chunk)) return void stream.once('drain', send)
    }
    stream.end()
  }
  stream.on('data', (chunk) => {
    // The accepting side may not speak first.
    if (received === 0 && role === 'listen') send()
    received += chunk.length
    hash.update(chunk)
  })
  stream.on('end', () => say({ received, hash: hash.digest('hex') }))
  stream.on('error', (error) => say({ error: error.code ?? error.message }))
  stream.on('close', () => {
    say({ closed: true })
    setTimeout(() => process.exit(0), 200)
  })
  if (role === 'dial') send()
}

if (role === 'listen') {
  const server = native.createServer(run)
  server.listen(0, '127.0.0.1', () => {
    server.setRecvBufferSize(4e6)
    say({ port: server.address().port })
  })
} else run(native.connect(Number(rest[0]), '127.0.0.1'))
