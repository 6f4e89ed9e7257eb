// One visit of a page: what came over the wire, when it was there, and what it looks like.

import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { bounded } from './chromium.mjs'

/** How long a page may take to load, in milliseconds. */
const LOAD_MS = 60_000
/** Without any request for so long, a page has what it wants. */
const IDLE_MS = 500
/** What a page may go on doing after it has loaded and after each scroll or click. */
const SETTLE_MS = 10_000
/** For scripts that draw by timers, which cannot be waited for otherwise. */
const TIMERS_MS = 1_000

/**
 * Runs before all scripts of a page. Without transitions, because what has come to rest may
 * stay as it was painted on the way there: a logo in the size that it had in between.
 */
const OBSERVE = `
  addEventListener('DOMContentLoaded', () => {
    const still = new CSSStyleSheet()
    still.replaceSync('*, ::before, ::after { transition: none !important }')
    document.adoptedStyleSheets.push(still)
  })
  window.__lcp = 0
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.__lcp = entry.startTime
  }).observe({ type: 'largest-contentful-paint', buffered: true })
`

/** True once fonts are there, and nothing moves that will come to rest. */
const AT_REST = `
  document.fonts.status === 'loaded' &&
  [...document.images].every(image => image.complete || image.loading === 'lazy') &&
  document.getAnimations().every(animation => animation.playState !== 'running' ||
    animation.effect?.getComputedTiming().endTime === Infinity)
`

/** Boxes are [tag, left, top, width, height] in CSS pixels of the page. */
const LOOK = `(() => {
  const round = value => Math.round(value * 100) / 100
  const box = element => {
    const at = element.getBoundingClientRect()
    return [round(at.left + scrollX), round(at.top + scrollY), round(at.width), round(at.height)]
  }
  return {
    width: document.documentElement.scrollWidth,
    height: document.documentElement.scrollHeight,
    text: document.body.innerText,
    boxes: [...document.querySelectorAll('*')].map(one => [one.localName, ...box(one)]),
    pictures: [...document.images].map(image => ({
      source: image.currentSrc.replace(location.origin, ''),
      width: image.naturalWidth,
      box: box(image)
    }))
  }
})()`

export class Visit {
  #requests = new Map()
  #open = new Set()
  #quietSince = Date.now()
  #loaded

  constructor (viewport, network) {
    this.viewport = viewport
    this.network = network
    this.errors = []
    this.hints = 0
  }

  static async begin (browser, { viewport, network, isAlone = true }) {
    const visit = new Visit(viewport, network)
    const page = await browser.page({ isAlone, hear: (event, told) => visit.#hear(event, told) })
    visit.send = page.send
    visit.close = page.close
    const { width, height, dpr, mobile } = viewport
    for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await page.send(`${domain}.enable`)
    await page.send('Emulation.setDeviceMetricsOverride',
      { width, height, deviceScaleFactor: dpr, mobile })
    await page.send('Emulation.setTouchEmulationEnabled', { enabled: mobile })
    if (network) await page.send('Network.emulateNetworkConditions', { offline: false, ...network })
    await page.send('Page.addScriptToEvaluateOnNewDocument', { source: OBSERVE })
    return visit
  }

  #hear (event, told) {
    const request = this.#requests.get(told.requestId)
    switch (event) {
      case 'Page.loadEventFired': this.#loaded?.(); break
      case 'Network.responseReceivedEarlyHints': this.hints++; break
      case 'Runtime.exceptionThrown':
        this.errors.push(told.exceptionDetails.exception?.description ?? told.exceptionDetails.text)
        break
      case 'Runtime.consoleAPICalled':
        if (told.type !== 'error' && told.type !== 'assert') break
        this.errors.push(told.args.map(one => one.value ?? one.description).join(' '))
        break
      case 'Log.entryAdded':
        if (told.entry.level === 'error') this.errors.push(`${told.entry.text} ${told.entry.url ?? ''}`)
        break
      case 'Network.requestWillBeSent':
        if (!/^https?:/.test(told.request.url)) break
        this.#requests.set(told.requestId, {
          url: told.request.url,
          kind: told.type,
          isRedirected: told.redirectResponse !== undefined,
          bytes: told.redirectResponse?.encodedDataLength ?? 0
        })
        this.#open.add(told.requestId)
        break
      case 'Network.requestServedFromCache': this.#requests.delete(told.requestId); break
      case 'Network.responseReceived':
        if (!request) break
        request.status = told.response.status
        request.type = told.response.mimeType
        request.protocol = told.response.protocol
        for (const [name, value] of Object.entries(told.response.headers)) {
          if (name.toLowerCase() === 'content-encoding') request.coding = value
        }
        break
      case 'Network.loadingFinished':
        if (request) request.bytes += told.encodedDataLength
        this.#end(told.requestId)
        break
      case 'Network.loadingFailed':
        if (request) request.failed = told.errorText
        this.#end(told.requestId)
        break
    }
  }

  #end (id) {
    this.#open.delete(id)
    this.#quietSince = Date.now()
  }

  /** What was asked for so far. */
  requests () {
    return [...this.#requests.values()]
  }

  async evaluate (expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate',
      { expression, returnByValue: true, awaitPromise: true })
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    }
    return result.value
  }

  async go (url) {
    const loaded = new Promise(resolve => { this.#loaded = resolve })
    const { errorText } = await this.send('Page.navigate', { url })
    if (errorText) throw new Error(`${url}: ${errorText}`)
    await bounded(loaded, LOAD_MS, `loading ${url}`)
    await this.quiet()
  }

  async quiet () {
    const deadline = Date.now() + LOAD_MS
    this.#quietSince = Date.now()
    while (this.#open.size > 0 || Date.now() - this.#quietSince < IDLE_MS) {
      if (Date.now() > deadline) throw new Error('a page goes on asking for more')
      await sleep(50)
    }
  }

  /** In milliseconds since the navigation began. */
  times () {
    return this.evaluate(`({
      load: performance.getEntriesByType('navigation')[0].loadEventEnd,
      largest: window.__lcp,
      first: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0
    })`)
  }

  async settle () {
    const deadline = Date.now() + SETTLE_MS
    await sleep(TIMERS_MS)
    while (!await this.evaluate(AT_REST)) {
      if (Date.now() > deadline) throw new Error('a page does not come to rest')
      await sleep(50)
    }
    await this.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))')
  }

  /** Through the whole page and back, so that what is loaded when it comes near is there. */
  async scroll () {
    const height = await this.evaluate('document.documentElement.scrollHeight')
    const to = top => this.evaluate(`scrollTo({ top: ${top}, behavior: 'instant' })`)
    for (let top = 0; top < height; top += this.viewport.height / 2) {
      await to(top)
      await sleep(60)
    }
    await this.quiet()
    await to(0)
    await this.settle()
  }

  look () {
    return this.evaluate(LOOK)
  }

  /**
   * The whole page, from the top, in files NAME-0.png, NAME-1.png, … of at most `pixels` device
   * pixels in height; their places.
   */
  async photograph (name, { width, height }, pixels) {
    const step = Math.floor(pixels / this.viewport.dpr)
    const tiles = []
    for (let top = 0; top < height; top += step) {
      const clip = { x: 0, y: top, width, height: Math.min(step, height - top), scale: 1 }
      const { data } = await this.send('Page.captureScreenshot',
        { format: 'png', clip, captureBeyondViewport: true })
      const file = `${name}-${tiles.length}.png`
      writeFileSync(file, Buffer.from(data, 'base64'))
      tiles.push({ file, top })
    }
    return tiles
  }

  /** A click with the mouse in the middle of an element, as a person would. */
  async click (selector) {
    const at = await this.evaluate(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)})
      element.scrollIntoView({ block: 'center', behavior: 'instant' })
      const box = element.getBoundingClientRect()
      return [box.left + box.width / 2, box.top + box.height / 2]
    })()`)
    await this.settle()
    const [x, y] = at
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.send('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 })
    }
    await this.quiet()
    await this.settle()
  }
}
