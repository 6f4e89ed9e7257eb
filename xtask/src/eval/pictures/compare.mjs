// Reads pictures by a node and by sharp, and says how far they are apart.
//
// node compare.mjs PLAN.json: `eval/pictures.rs` says what stands in it, and
// `eval/pictures/verdict.rs` reads what is written.

import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const sharp = createRequire(plan.modules + '/')('sharp')
sharp.cache(false)

/** How long a node may take for one picture, in milliseconds. */
const ANSWER_MS = 60_000

async function byNode (body) {
  try {
    const answer = await fetch(plan.base + '/img/0x0/scale-down?format=png',
      { method: 'POST', body, signal: AbortSignal.timeout(ANSWER_MS) })
    const content = Buffer.from(await answer.arrayBuffer())
    if (answer.status === 200) return { status: 200, content }
    return { status: answer.status, detail: JSON.parse(content).detail }
  } catch (error) {
    return { status: 0, detail: String(error) }
  }
}

async function pixels (content, { upright }) {
  const picture = sharp(content, { limitInputPixels: 50_000_000 })
  const turned = upright ? picture.autoOrient() : picture
  return turned.toColourspace('srgb').ensureAlpha().raw().toBuffer({ resolveWithObject: true })
}

/** The mean and the largest difference of a channel of 255, of colors as they cover black. */
function apart (one, other) {
  let [sum, most] = [0, 0]
  for (let at = 0; at < one.length; at += 4) {
    const [a, b] = [one[at + 3], other[at + 3]]
    for (let channel = 0; channel < 4; channel++) {
      const is = channel < 3 ? one[at + channel] * a / 255 : a
      const was = channel < 3 ? other[at + channel] * b / 255 : b
      const by = Math.abs(is - was)
      sum += by
      most = Math.max(most, by)
    }
  }
  return { mean: sum / Math.max(one.length, 1), most }
}

const seen = []
for (const file of plan.files) {
  const body = readFileSync(file)
  const { status, detail = '', content } = await byNode(body)
  const one = { file, status, detail }
  try {
    const reference = await pixels(body, { upright: true })
    one.reference = [reference.info.width, reference.info.height]
    if (content) {
      const own = await pixels(content, { upright: false })
      one.own = [own.info.width, own.info.height]
      if (String(one.own) === String(one.reference)) {
        Object.assign(one, apart(own.data, reference.data))
      }
    }
  } catch (error) {
    one.refused = String(error.message).split('\n')[0]
  }
  seen.push(one)
}
writeFileSync(plan.result, JSON.stringify(seen))
