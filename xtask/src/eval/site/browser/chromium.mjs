// Chromium, and the Chrome DevTools Protocol over two pipes: no port, and no package.
//
// https://chromedevtools.github.io/devtools-protocol/

import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'

/** How long any command of the protocol may take, in milliseconds. */
const COMMAND_MS = 60_000
/** How long the browser may take to end once it is asked to. */
const END_MS = 5_000

/** Rejects after `ms` with what was waited for. */
export function bounded (promise, ms, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** A running browser with a profile in `folder`. */
export class Chromium {
  #pending = new Map()
  #sessions = new Map()
  #next = 1
  #rest = []

  constructor ({ program, folder, words }) {
    const log = createWriteStream(`${folder}/chromium.log`)
    this.child = spawn(program, [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--no-first-run',
      '--disable-extensions', '--disable-component-update', '--disable-background-networking',
      '--disable-sync', '--disable-default-apps', '--mute-audio', '--force-color-profile=srgb',
      '--font-render-hinting=none', '--remote-debugging-pipe', `--user-data-dir=${folder}/profile`,
      ...words
    ], { stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'], detached: true })
    this.child.stdout.pipe(log)
    this.child.stderr.pipe(log)
    this.ended = new Promise(resolve => {
      this.child.once('exit', resolve)
      this.child.once('error', resolve)
    })
    this.ended.then(() => this.#fail(new Error('the browser ended')))
    this.input = this.child.stdio[3]
    this.input.on('error', error => this.#fail(error))
    this.child.stdio[4].on('data', bytes => this.#read(bytes))
  }

  /** Messages end with a zero byte. */
  #read (bytes) {
    let start = 0
    for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0, start)) {
      const message = Buffer.concat([...this.#rest, bytes.subarray(start, end)])
      this.#rest = []
      start = end + 1
      this.#take(JSON.parse(message.toString('utf8')))
    }
    if (start < bytes.length) this.#rest.push(bytes.subarray(start))
  }

  #take (message) {
    if (message.id !== undefined) {
      const asked = this.#pending.get(message.id)
      this.#pending.delete(message.id)
      if (message.error) asked?.reject(new Error(`${asked.method}: ${message.error.message}`))
      else asked?.resolve(message.result)
      return
    }
    this.#sessions.get(message.sessionId)?.(message.method, message.params)
  }

  #fail (error) {
    for (const asked of this.#pending.values()) asked.reject(error)
    this.#pending.clear()
  }

  send (method, params = {}, sessionId = undefined) {
    const id = this.#next++
    const answer = new Promise((resolve, reject) => {
      this.#pending.set(id, { method, resolve, reject })
    })
    this.input.write(JSON.stringify({ id, method, params, sessionId }) + '\0')
    return bounded(answer, COMMAND_MS, method)
  }

  /** A new page; `hear` is told each of its events. Without `isAlone` it shares the profile. */
  async page ({ isAlone, hear }) {
    const context = isAlone ? await this.send('Target.createBrowserContext') : {}
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', ...context })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    this.#sessions.set(sessionId, hear)
    const send = (method, params) => this.send(method, params, sessionId)
    const close = async () => {
      await this.send('Target.closeTarget', { targetId })
      this.#sessions.delete(sessionId)
      if (isAlone) await this.send('Target.disposeBrowserContext', context)
    }
    return { send, close }
  }

  async end () {
    this.send('Browser.close').catch(() => {})
    await bounded(this.ended, END_MS, 'the end of the browser').catch(() => {})
    // Its helpers are in its group; whoever is left of them ends with it.
    try { process.kill(-this.child.pid, 'SIGKILL') } catch {}
  }
}
