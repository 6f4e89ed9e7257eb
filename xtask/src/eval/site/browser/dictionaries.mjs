// Shared dictionaries (RFC 9842): the next version of a file, compressed with the one that
// the browser has.

import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Visit } from './visit.mjs'

/** How often a browser is looked at that may not have put its dictionary away yet. */
const TRIES = 5
/** How long it may take until then, in milliseconds. */
const PUT_AWAY_MS = 2_000

/** Loads a style sheet or a script as a page does, and takes its text, too. */
const load = path => `(async () => {
  const style = /\\.css(\\?|$)/.test('${path}')
  const element = document.createElement(style ? 'link' : 'script')
  Object.assign(element, style ? { rel: 'stylesheet', href: '${path}' } : { src: '${path}' })
  await new Promise((resolve, reject) => {
    element.onload = resolve
    element.onerror = () => reject(new Error('${path} was not loaded'))
    document.head.append(element)
  })
  return (await fetch('${path}', { cache: 'force-cache' })).text()
})()`

const digest = text => createHash('sha256').update(text).digest('hex')

/** A file as a browser gets it: how it was coded, its bytes on the wire, and its digest. */
async function got (visit, path) {
  const text = await visit.evaluate(load(path))
  await visit.quiet()
  const request = visit.requests().find(one => one.url.endsWith(path))
  if (!request) throw new Error(`${path} did not come over the wire`)
  return { coding: request.coding ?? '', bytes: request.bytes, digest: digest(text) }
}

export async function dictionaries (browser, { viewports: [viewport], dictionaries: plan }) {
  const seen = []
  for (const { name, older, newer, works } of plan.pairs) {
    const begin = async isAlone => {
      const visit = await Visit.begin(browser, { viewport, isAlone })
      await visit.go(plan.origin + plan.page)
      return visit
    }
    const stranger = await begin(true)
    const plain = await got(stranger, newer)
    await stranger.close()
    // Who has the older version keeps it in the profile, and comes back.
    const first = await begin(false)
    await got(first, older)
    await first.close()
    let known
    for (let turn = 0; turn < TRIES && known?.coding !== 'dcz'; turn++) {
      await sleep(PUT_AWAY_MS)
      const again = await begin(false)
      known = await got(again, turn > 0 ? `${newer}?turn=${turn}` : newer)
      known.works = await again.evaluate(works)
      await again.close()
    }
    seen.push({ name, plain, known })
  }
  return seen
}
