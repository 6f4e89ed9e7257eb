// Visits every page of a plan, as it says, and writes what was seen.
//
// node main.mjs PLAN.json: `eval/site/plan.rs` says what stands in it, and
// `eval/site/seen.rs` reads what is written.

import { X509Certificate, createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { Chromium } from './chromium.mjs'
import { dictionaries } from './dictionaries.mjs'
import { Visit } from './visit.mjs'

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'))

/** Of all certificates that nobody vouches for, only this one is taken. */
function trust (file) {
  const key = new X509Certificate(readFileSync(file)).publicKey
  const digest = createHash('sha256').update(key.export({ type: 'spki', format: 'der' }))
  return `--ignore-certificate-errors-spki-list=${digest.digest('base64')}`
}

const browser = new Chromium({
  ...plan,
  words: [
    trust(plan.certificate),
    // Dictionaries are otherwise for certificates of known authorities only.
    '--disable-features=CompressionDictionaryTransportRequireKnownRootCert'
  ]
})

/** Loads a page as a new visitor does, over a slow line. */
async function timed (mode, page, viewport) {
  const visit = await Visit.begin(browser, { viewport, network: plan.network })
  await visit.go(mode.origin + page.path)
  const seen = { times: await visit.times(), requests: visit.requests() }
  await visit.close()
  return seen
}

/** How often a page is gone through for the caches to have what it needs. */
const WARM_TURNS = 8

/**
 * Goes through a page until it gets all pictures as they are to be: those that are not made
 * in time are sent as they were meanwhile. What the first visitor missed.
 */
async function warm (mode, page, viewport) {
  let first
  for (let turn = 0; turn < WARM_TURNS; turn++) {
    const visit = await Visit.begin(browser, { viewport })
    await visit.go(mode.origin + page.path)
    await visit.scroll()
    const requests = visit.requests()
    await visit.close()
    const failed = requests.filter(one => one.failed || one.status >= 400)
    const meanwhile = requests.filter(one => one.isRedirected)
    first ??= { failed: failed.map(one => one.url), meanwhile: meanwhile.length }
    if (failed.length + meanwhile.length === 0) break
  }
  return first
}

/** Looks at the whole of a page, and uses it. */
async function looked (mode, page, viewport) {
  const name = `${plan.folder}/${mode.name}-${page.name}-${viewport.name}`
  const network = mode.slow ? plan.network : undefined
  const visit = await Visit.begin(browser, { viewport, network })
  await visit.go(mode.origin + page.path)
  await visit.scroll()
  const look = await visit.look()
  const tiles = await visit.photograph(name, look, plan.tile)
  const seen = { look, tiles, requests: visit.requests(), hints: visit.hints, uses: [] }
  const errors = visit.errors
  await visit.close()
  for (const { name, click } of page.uses.filter(use => use.viewport === viewport.name)) {
    // In a window of its own: one that was photographed may still tell of its size.
    const use = await Visit.begin(browser, { viewport, network })
    await use.go(mode.origin + page.path)
    await use.settle()
    const before = await use.look()
    await use.click(click)
    seen.uses.push({ name, before, after: await use.look() })
    errors.push(...use.errors)
    await use.close()
  }
  // Where in a script it is said depends on how that is written.
  seen.errors = errors.map(error => error.replaceAll(mode.origin, '').replace(/:\d+:\d+/g, ''))
  return seen
}

async function visits () {
  const all = []
  for (const page of plan.pages) {
    for (const viewport of plan.viewports) {
      for (const mode of plan.modes) {
        console.error(`${page.name}, ${viewport.name}, ${mode.name}`)
        const first = await warm(mode, page, viewport)
        const seen = { first, ...await looked(mode, page, viewport), timed: [] }
        for (let round = 0; round < plan.rounds; round++) {
          seen.timed.push(await timed(mode, page, viewport))
        }
        all.push({ page: page.name, viewport: viewport.name, mode: mode.name, ...seen })
      }
    }
  }
  return all
}

try {
  const seen = { version: await browser.send('Browser.getVersion'), visits: await visits() }
  if (plan.dictionaries) seen.dictionaries = await dictionaries(browser, plan)
  writeFileSync(plan.result, JSON.stringify(seen))
} finally {
  await browser.end()
}
