// What every link promises about how much it carries: the size of frames, and the window that a receiver grants.

import { attempt, type ConformanceCase, caseOf } from './case.js'
import { Collected } from './events.js'
import {
  DEFAULT_FRAME_LIMIT_BYTES,
  fillWindow,
  type LinkFixture,
  nextOf,
  openBoth,
  pass,
  sendAll,
} from './link-states.js'

export const flowCases: readonly ConformanceCase<LinkFixture>[] = [
  caseOf('takes a frame of the limit and throws for one byte more', async ({ a, b, frameLimit }, assert) => {
    const limit = frameLimit ?? DEFAULT_FRAME_LIMIT_BYTES
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    const sizes = new Collected<number>()
    far.on('frame', (frame) => sizes.add(frame.byteLength))
    await assert.rejects(
      attempt(() => near.send(new Uint8Array(limit + 1))),
      'ERR_FRAME_SIZE',
    )
    assert.ok(near.send(new Uint8Array(limit)), 'a frame may overdraw the window')
    assert.equal(await sizes.count(1), [limit])
  }),

  caseOf('sends until the window is used up, and at most one frame beyond', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    far.setFlowing(false)
    const granted = near.window
    const sent = fillWindow(near, 1_000)
    assert.ok(granted > 0 && sent >= granted && sent < granted + 1_000, `${sent} of ${granted}`)
    assert.ok(near.window <= 0, 'used up')
  }),

  caseOf('grants nothing while the flow is stopped, and tells when it goes on', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    const control = await openBoth(a, b, { protocol: 'case/control' })
    far.setFlowing(false)
    let drained = 0
    near.on('drain', () => drained++)
    fillWindow(near, 1_000)
    await pass(control.near, control.far)
    await pass(control.far, control.near)
    assert.equal([near.send(Uint8Array.of(1)), drained], [false, 0])
    const drain = nextOf(near, 'drain')
    far.setFlowing(true)
    await drain
    assert.ok(near.window > 0 && near.send(Uint8Array.of(1)), 'more may be sent')
  }),

  caseOf('goes on for ever while the receiver reads', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    let received = 0
    const done = new Promise<void>((resolve) => {
      far.on('frame', (frame) => {
        received += frame.byteLength
        if (received === 2_000_000) resolve()
      })
    })
    await Promise.all([sendAll(near, { frames: 40, bytes: 50_000 }), done])
    assert.equal(received, 2_000_000)
  }),

  caseOf('stops one channel without stopping another', async ({ a, b }, assert) => {
    const stopped = await openBoth(a, b, { protocol: 'case/1' })
    const other = await openBoth(a, b, { protocol: 'case/2' })
    stopped.far.setFlowing(false)
    fillWindow(stopped.near, 1_000)
    await pass(other.near, other.far)
    assert.ok(other.near.window > 0, 'its own window')
  }),
]
