// What must hold in every JavaScript host: bad input first. Nothing here knows which host it
// is; `node.js`, `deno.js` and `worker.js` bring modules and files.

import { Analytics, PortableError as OfAnalytics } from '../js/analytics.js';
import { Core, PortableError, compile } from '../js/core.js';
import { Experiments, PortableError as OfExperiments } from '../js/experiments.js';
import { Guard, PortableError as OfGuard } from '../js/guard.js';
import { Images, PortableError as OfImages } from '../js/images.js';
import { Optimizer, PortableError as OfOptimizer } from '../js/optimizer.js';
import { PortableError as OfPrimitives, Primitives } from '../js/primitives.js';
import { assert, digest, equal, lines, refused } from './assertions.js';

const text = new TextEncoder();
const NAMES = ['primitives', 'images', 'optimizer', 'analytics', 'experiments', 'guard'];

/** Runs all of them, says each in the Test Anything Protocol, and returns how many failed.
 * `modules` are by name, `files` by their path in the checkout. */
export async function run({ modules, files, say }) {
  const compiled = {};
  for (const name of NAMES) compiled[name] = await compile(modules[name]);
  const all = {
    ...RAW, ...PRIMITIVES, ...IMAGES, ...OPTIMIZER, ...ANALYTICS, ...EXPERIMENTS, ...GUARD,
  };
  const names = Object.keys(all);
  let failed = 0;
  for (const [index, name] of names.entries()) {
    try {
      await all[name]({ compiled, files, instance: (of) => new WebAssembly.Instance(compiled[of], {}).exports });
      say(`ok ${index + 1} - ${name}`);
    } catch (error) {
      failed += 1;
      say(`not ok ${index + 1} - ${name}`);
      say(`  ${error?.stack ?? error}`);
    }
  }
  say(`1..${names.length}`);
  say(`# pass ${names.length - failed}`);
  say(`# fail ${failed}`);
  return failed;
}

const POINTER = -1;
const OUT = 0x7fff_0000;

const RAW = {
  'no module imports anything, and all have the shared exports': ({ compiled }) => {
    for (const name of NAMES) {
      equal(WebAssembly.Module.imports(compiled[name]), [], name);
      const names = WebAssembly.Module.exports(compiled[name]).map((entry) => entry.name);
      for (const own of ['memory', 'allocate', 'deallocate', 'last_status', 'last_message']) {
        assert(names.includes(own), `${own} in ${name}`);
      }
    }
  },
  'all wrappers throw the same class': () => {
    const all = [OfAnalytics, OfExperiments, OfGuard, OfImages, OfOptimizer, OfPrimitives];
    assert(all.every((own) => own === PortableError));
  },
  'what ends an instance is an error, and the next call has another': async ({ compiled }) => {
    let core = new Core(compiled.primitives, []);
    equal(core.memoryBytes, 0);
    core.call((scope) => scope.room(8));
    assert(core.memoryBytes > 0, 'it is kept');
    // No module traps for any parameter that is a number; this one ends the call as a trap does.
    await refused(() => core.call((scope) => scope.run('fast_crc32', 1n, 1n)), 'crashed');
    equal([core.memoryBytes, core.call((scope) => scope.run('last_status'))], [0, 0]);
    core = new Core(compiled.primitives, [], { memoryBytesKept: 1 << 20 });
    core.call((scope) => scope.room(1 << 21));
    equal(core.memoryBytes, 0, 'what grew is not kept');
  },
  'pointers and lengths that lead nowhere are refused, and nothing traps': ({ instance }) => {
    const wasm = instance('primitives');
    const at = wasm.allocate(64);
    for (const [ptr, len] of [
      [0, 1], [at, 65], [at, -1], [at, 0x7fffffff], [OUT, 8], [-4, 4], [-1, -1], [at + 60, 8],
      [16, 1], [1 << 20, 64], [0xffff_fff0, 0xffff_fff0],
    ]) {
      equal([wasm.fast_crc32(ptr, len), wasm.last_status()], [0, POINTER], `${ptr} ${len}`);
      assert(Number.isNaN(wasm.vectorized_sum(ptr, len)), `sum ${ptr} ${len}`);
      equal(wasm.cache_optimized_filter(ptr, at, len, 1), POINTER, `filter ${ptr} ${len}`);
      equal(wasm.cache_optimized_filter(ptr, ptr, len, 1), POINTER, `filter ${ptr} ${len}`);
      equal(wasm.in_place_string_reverse(ptr, len), POINTER, `reverse ${ptr} ${len}`);
      equal(wasm.clamp_all(ptr, len, 0, 1), POINTER, `clamp ${ptr} ${len}`);
    }
    equal([wasm.allocate(0), wasm.allocate(-1), wasm.allocate(1 << 30)], [0, 0, 0]);
    equal([wasm.deallocate(at, 63), wasm.deallocate(at + 16, 48), wasm.deallocate(8, 8)], [-1, -1, -1]);
    equal([wasm.deallocate(at, 64), wasm.deallocate(at, 64), wasm.deallocate(0, 9)], [0, POINTER, 0]);
  },
  'places for results are checked before anything is made': ({ instance, files }) => {
    const wasm = instance('images');
    const picture = files['examples/images/ball.gif'];
    const at = wasm.allocate(picture.length);
    new Uint8Array(wasm.memory.buffer).set(picture, at);
    const result = wasm.allocate(8);
    for (const [output, length] of [[0, result], [result, 0], [result + 8, result], [result + 2, result], [OUT, OUT]]) {
      equal(wasm.resize_image(at, picture.length, 8, 8, output, length), POINTER);
      equal(wasm.smart_crop(at, picture.length, 1, output, length), POINTER);
    }
    equal(wasm.resize_image(at, picture.length + 16, 8, 8, result, result + 4), POINTER);
    const broken = wasm.allocate(1);
    new Uint8Array(wasm.memory.buffer)[broken] = 0xff;
    equal(wasm.transform_image(broken, 1, 0, 0, at, picture.length, result, result + 4), -3);
    equal(wasm.transform_image(OUT, 5, 0, 0, at, picture.length, result, result + 4), POINTER);
    equal(wasm.resize_image(at, picture.length, 8, 8, result, result + 4), 0);
    const other = instance('optimizer');
    equal(other.optimize_content(0, 1, 0, 0, 0), POINTER);
    equal(other.optimize_content(0, 0, 0, 0, other.allocate(12)), POINTER, 'room for three of four');
  },
  'buffers are lent once, and sixteen at most': ({ instance }) => {
    const wasm = instance('primitives');
    const all = Array.from({ length: 16 }, () => wasm.get_buffer());
    assert(new Set(all).size === 16 && !all.includes(0), `${all}`);
    equal([wasm.get_buffer(), wasm.last_status()], [0, -7]);
    equal([wasm.release_buffer(all[3] + 4), wasm.release_buffer(1), wasm.release_buffer(0)], [-1, -1, 0]);
    equal([wasm.release_buffer(all[3]), wasm.release_buffer(all[3])], [0, -1]);
    equal(wasm.get_buffer(), all[3]);
    equal(new DataView(wasm.memory.buffer).getUint32(all[3] + 1024, true), 0, 'its length');
  },
};

const PRIMITIVES = {
  'primitives: what is of the wrong type or out of range is refused': async ({ compiled }) => {
    const on = new Primitives(compiled.primitives);
    for (const call of [
      () => on.fastCrc32('text'), () => on.fastCrc32(null), () => on.vectorizedSum([1, 2]),
      () => on.reverseString(5), () => on.maxOf(new Uint8Array(4)),
    ]) await refused(call, TypeError);
    for (const call of [
      () => on.branchlessMax(2 ** 31, 0), () => on.branchlessMax(0.5, 0), () => on.branchlessMax(NaN, 0),
      () => on.keepAbove(new Uint8Array(1), 256), () => on.cacheOptimizedFilter(new Uint8Array(1), -1),
      () => on.reverseString('\ud800'), () => on.withBuffer((_, { crc32 }) => crc32(1025)),
    ]) await refused(call, RangeError);
    await refused(() => on.maxOf(new Int32Array(0)), 'argument');
    await refused(() => new Primitives({}), TypeError);
    await refused(() => new Primitives(compiled.images), 'load');
    await refused(() => Primitives.load('primitives.wasm'), TypeError);
  },
  'primitives: the seed is right at the ends': ({ compiled }) => {
    const on = new Primitives(compiled.primitives);
    const [least, most] = [-(2 ** 31), 2 ** 31 - 1];
    equal([on.branchlessMax(least, most), on.branchlessMax(most, least)], [most, most]);
    equal([on.branchlessClamp(most, least, 0), on.branchlessClamp(least, 5, most)], [0, 5]);
    equal(on.branchlessClamp(3, 9, 1), 9, 'the lower bound wins');
    equal(on.fastCrc32(text.encode('123456789')), 0xcbf43926);
    equal(on.fastCrc32(text.encode('56789'), on.fastCrc32(text.encode('1234'))), 0xcbf43926);
    equal(on.vectorizedSum(new Float32Array(1000).fill(0.1)), Math.fround(100.00000149011612));
    assert(Number.isNaN(on.vectorizedSum(new Float32Array([1, NaN]))));
    equal(on.vectorizedSum(new Float32Array([3.4e38, 3.4e38, -3.4e38])), Math.fround(3.4e38));
    equal(on.reverseString('\ufeffaé€😀'), '😀€éa\ufeff');
    equal([...on.keepAbove(new Uint8Array([1, 9, 5, 7]), 5)], [9, 7]);
    equal([...on.cacheOptimizedFilter(new Uint8Array([1, 9, 5, 7]), 5)], [0, 9, 0, 7]);
    const crc = on.withBuffer((data, { crc32 }) => (data.set(text.encode('123456789')), crc32(9)));
    equal(crc, 0xcbf43926);
    for (let round = 0; round < 40; round += 1) on.withBuffer(() => 0);
  },
  'primitives: the same as native code': ({ compiled, files }) => {
    const on = new Primitives(compiled.primitives);
    const crc = (array) => on.fastCrc32(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    for (const [length, ...expected] of lines(files['functions/primitives-core/golden.tsv'])) {
      const numbers = xorshift(Number(length));
      const bytes = Uint8Array.from(numbers, (number) => number & 255);
      const floats = Float32Array.from(numbers, (number) => number / 65_536);
      const letters = Array.from(bytes, (byte) => ['a', 'é', '€', '😀'][byte % 4]).join('');
      const kept = on.keepAbove(bytes, 99);
      const [sum] = new Uint32Array(new Float32Array([on.vectorizedSum(floats)]).buffer);
      equal([
        crc(bytes), sum, crc(on.cacheOptimizedFilter(bytes, 99)), kept.length, crc(kept),
        on.maxOf(numbers), crc(on.clampAll(numbers, -1_000_000_000, 1_500_000_000)),
        crc(text.encode(on.reverseString(letters))),
      ], expected.map(Number), `${length} numbers`);
    }
  },
  'primitives: pieces give the same as the whole': ({ compiled }) => {
    const on = new Primitives(compiled.primitives);
    const bytes = Uint8Array.from(xorshift(2_500_000), (number) => number & 255);
    const middle = on.fastCrc32(bytes.subarray(0, 1_234_567));
    equal(on.fastCrc32(bytes.subarray(1_234_567), middle), on.fastCrc32(bytes));
  },
};

const EXPERIMENTS = {
  'experiments: what is no text is refused': async ({ compiled, instance }) => {
    const on = new Experiments(compiled.experiments);
    for (const call of [
      () => on.calculateUserHash(5), () => on.calculateUserHash(null), () => on.detectDeviceType(undefined),
    ]) await refused(call, TypeError);
    await refused(() => on.calculateUserHash('\ud800'), RangeError);
    await refused(() => new Experiments(compiled.images), 'load');
    const wasm = instance('experiments');
    const at = wasm.allocate(4);
    for (const [ptr, len] of [[0, 1], [at, 5], [at, -1], [OUT, 8], [-4, 4]]) {
      equal([wasm.calculate_user_hash(ptr, len), wasm.last_status()], [0, POINTER], `${ptr} ${len}`);
      equal([wasm.detect_device_type(ptr, len), wasm.last_status()], [90, POINTER], `${ptr} ${len}`);
    }
    new Uint8Array(wasm.memory.buffer)[at] = 0xff;
    equal([wasm.calculate_user_hash(at, 1), wasm.last_status()], [0, -3]);
  },
  'experiments: devices by their user agents': ({ compiled }) => {
    const on = new Experiments(compiled.experiments);
    for (const [wanted, agent] of [
      ['unknown', ''], ['unknown', null], ['desktop', 'curl/8.5.0'],
      ['desktop', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0'],
      ['mobile', 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/143.0.0.0 Mobile Safari/537.36'],
      ['tablet', 'Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148'],
    ]) equal(on.detectDevice(agent), wanted, `${agent}`);
  },
  'experiments: each visitor has a bucket of its own, and always the same': ({ compiled }) => {
    const on = new Experiments(compiled.experiments);
    // FNV-1a over UTF-16, of the digits of FNV-1a, as the format's version 2 has it.
    const fnv = (text) => {
      let hash = 0x811c9dc5;
      for (let at = 0; at < text.length; at += 1) {
        hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
      }
      return hash;
    };
    const parts = new Array(10).fill(0);
    for (let id = 0; id < 10_000; id += 1) {
      const visitor = `homepage_layout${id}ü😀`;
      const hash = on.calculateUserHash(visitor);
      if (hash !== fnv(String(fnv(visitor)))) equal(hash, fnv(String(fnv(visitor))), visitor);
      parts[hash % 10] += 1;
    }
    assert(parts.every((count) => count > 850 && count < 1_150), `${parts}`);
  },
};

function xorshift(count) {
  let state = 1;
  return Int32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  });
}

const IMAGES = {
  'images: hostile pictures and parameters have codes': async ({ compiled, files }) => {
    const on = new Images(compiled.images);
    const png = files['examples/images/coffee.png'];
    const bomb = png.slice();
    bomb.set([0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30], 16);
    await refused(() => on.resize('picture'), TypeError);
    await refused(() => on.resize(png, { width: -1 }), RangeError);
    await refused(() => on.smartCrop(png, '1'), TypeError);
    for (const [picture, code] of [
      [new Uint8Array(0), 'unsupported'], [text.encode('<svg/>'), 'unsupported'],
      [files['functions/images/testdata/avif/odd420.avif'], 'unsupported'],
      [png.subarray(0, png.length >> 1), 'damaged'], [png.subarray(0, 30), 'damaged'],
      [bomb, 'too-large'], [new Uint8Array((32 << 20) + 1), 'too-large'],
    ]) {
      await refused(() => on.resize(picture, { width: 8 }), code);
      await refused(() => on.smartCrop(picture, 1), code);
    }
    for (const ratio of [NaN, 0, -1, 1e9, Infinity]) await refused(() => on.smartCrop(png, ratio), 'argument');
    await refused(() => on.resize(png, { width: 9000, height: 9000 }), 'too-large');
    for (const target of ['', '/img/1x1/x', '/img/1x1/cover?src=https://a.example/']) {
      await refused(() => on.transform(png, target), 'argument');
    }
  },
  'images: pictures cut off at every place do not end the host': async ({ compiled, files }) => {
    const on = new Images(compiled.images);
    for (const name of ['ball.gif', 'wide.png']) {
      const picture = files[`examples/images/${name}`];
      for (let length = 0; length < picture.length; length += Math.ceil(picture.length / 60)) {
        try {
          on.resize(picture.subarray(0, length), { width: 8 });
        } catch (error) {
          assert(error instanceof PortableError && error.code !== 'crashed', `${name} ${length}: ${error}`);
        }
      }
    }
  },
  'images: the same as native code and the component': ({ compiled, files }) => {
    const on = new Images(compiled.images);
    for (const [target, accept, name, expected] of lines(files['functions/images/golden.tsv'])) {
      // There is no decoder of AVIF in this build.
      if (name.startsWith('avif/')) continue;
      const made = on.transform(files[`examples/images/${name}`], target, accept);
      equal(digest(made), expected, target);
    }
  },
  'images: the exports of the seed are requests of that kind': ({ compiled, files }) => {
    const on = new Images(compiled.images);
    const [rocket, coffee] = ['rocket.jpg', 'coffee.png'].map((name) => files[`examples/images/${name}`]);
    const resized = on.resize(rocket, { width: 320, height: 320 });
    equal(digest(resized), digest(on.transform(rocket, '/img/320x320/inside?f=jpeg&q=85')));
    const cropped = on.smartCrop(coffee, 0.75);
    equal(digest(cropped), digest(on.transform(coffee, '/img/300x400/cover?g=auto&f=png')));
  },
  'images: many calls leave the memory as it was': ({ compiled, files }) => {
    const wasm = new WebAssembly.Instance(compiled.images, {}).exports;
    const picture = files['examples/images/ball.gif'];
    let before = 0;
    for (let round = 0; round < 60; round += 1) {
      const [at, result] = [wasm.allocate(picture.length), wasm.allocate(8)];
      new Uint8Array(wasm.memory.buffer).set(picture, at);
      equal(wasm.resize_image(at, picture.length, 16, 16, result, result + 4), 0);
      const [made, length] = new Uint32Array(wasm.memory.buffer, result, 2);
      equal([wasm.deallocate(made, length), wasm.deallocate(result, 8)], [0, 0]);
      equal(wasm.deallocate(at, picture.length), 0);
      if (round === 10) before = wasm.memory.buffer.byteLength;
    }
    equal(wasm.memory.buffer.byteLength, before);
  },
};

const OPTIMIZER = {
  'optimizer: what is no request is refused': async ({ compiled }) => {
    const on = new Optimizer(compiled.optimizer);
    const page = text.encode('<p>');
    await refused(() => on.optimize('<p>', { contentType: 'text/html' }), TypeError);
    for (const request of [
      {}, { contentType: 5 }, { contentType: 'text/html', clientHints: { viewportWidth: -1 } },
      { contentType: 'text/html', settings: { OPTIMIZER_NONE: '1' } },
    ]) await refused(() => on.optimize(page, request), 'argument');
    await refused(() => on.optimize(page, { contentType: 'a'.repeat(70_000) }), 'too-large');
    await refused(() => on.optimize(new Uint8Array((16 << 20) + 1), { contentType: 'text/css' }), 'too-large');
  },
  'optimizer: what cannot be improved comes back as it is': ({ compiled }) => {
    const on = new Optimizer(compiled.optimizer);
    for (const [contentType, content] of [
      ['image/jpeg', new Uint8Array([255, 216, 255])], ['text/html', new Uint8Array(0)],
      ['application/json', text.encode(`{ not json }${' '.repeat(300)}`)],
    ]) {
      const got = on.optimize(content, { contentType, clientHints: { supportsWebp: true } });
      equal([...got.content], [...content], contentType);
      equal([got.contentEncoding, got.cacheTtl, got.optimizationsApplied], [null, 1800, []]);
    }
  },
  'optimizer: the same as native code': ({ compiled, files }) => {
    const wasm = new WebAssembly.Instance(compiled.optimizer, {}).exports;
    for (const [name, request, bytes, expected] of lines(files['functions/optimizer-core/golden.tsv'])) {
      const parts = [text.encode(request), files[name]];
      const places = parts.map((part) => [wasm.allocate(part.length), part.length]);
      const result = wasm.allocate(16);
      parts.forEach((part, index) => new Uint8Array(wasm.memory.buffer).set(part, places[index][0]));
      equal(wasm.optimize_content(...places.flat(), result), 0, request);
      const [answer, answerLength, content, length] = new Uint32Array(wasm.memory.buffer, result, 4);
      equal(length, Number(bytes), `${name} ${request}`);
      const made = new Uint8Array(length + answerLength);
      made.set(new Uint8Array(wasm.memory.buffer, content, length));
      made.set(new Uint8Array(wasm.memory.buffer, answer, answerLength), length);
      equal(digest(made), expected, `${name} ${request}`);
      places.push([answer, answerLength], [content, length], [result, 16]);
      equal(places.map(([at, bytes]) => wasm.deallocate(at, bytes)), [0, 0, 0, 0, 0]);
    }
  },
  'optimizer: a page is smaller, and a picture WebP': ({ compiled, files }) => {
    const on = new Optimizer(compiled.optimizer, { images: new Images(compiled.images) });
    const request = { contentType: 'text/html', acceptEncoding: 'gzip', clientHints: { connection: '2g' } };
    const page = on.optimize(files['examples/shop/site/index.html'], request);
    equal([page.contentEncoding, page.contentType], ['gzip', 'text/html']);
    assert(page.optimizationsApplied.includes('html_minification'), `${page.optimizationsApplied}`);
    const png = files['examples/images/coffee.png'];
    const picture = on.optimize(png, { contentType: 'image/png', clientHints: { supportsWebp: true } });
    equal([picture.contentType, picture.optimizationsApplied], ['image/webp', ['webp_conversion']]);
    assert(picture.content.length < png.length, 'smaller');
    const plain = on.optimize(png, { contentType: 'image/png' });
    equal([plain.contentType, plain.content.length], ['image/png', png.length]);
  },
};

const NOW = 1_795_850_000_000;

const ANALYTICS = {
  'analytics: what is no event is refused and counts for nothing': async ({ compiled }) => {
    const on = new Analytics(compiled.analytics);
    for (const event of [undefined, null, 'text', 5]) {
      await refused(() => on.processEvent(event, NOW), TypeError);
    }
    for (const event of [
      {}, [], { userId: 'a' }, { eventType: 'see' }, { userId: 5, eventType: 'see' },
      { userId: 'a', eventType: 'a b' }, { userId: 'a', eventType: 'see', timestamp: NOW / 1000 },
      { userId: 'a', eventType: 'see', timestamp: NOW + 60_001 }, { userId: 'a', eventType: 'see', data: [] },
      { userId: 'a', eventType: 'see', more: 1 },
    ]) await refused(() => on.processEvent(event, NOW), 'argument');
    const event = { userId: 'a', eventType: 'see' };
    for (const now of [NaN, -1, 1e13, Infinity]) {
      await refused(() => on.processEvent(event, now), 'argument');
    }
    await refused(() => on.processEvent({ ...event, data: { text: 'x'.repeat(70_000) } }, NOW), 'too-large');
    await refused(() => on.calculateAnomalyScore(-1), RangeError);
    equal(on.processEvent(event, NOW).session.events, 1);
  },
  'analytics: pointers are not believed': ({ instance }) => {
    const wasm = instance('analytics');
    const said = text.encode('{"userId":"a","eventType":"see"}');
    const [event, result] = [wasm.allocate(said.length), wasm.allocate(8)];
    new Uint8Array(wasm.memory.buffer).set(said, event);
    for (const [at, length, out, outLength] of [
      [0, 5, result, result + 4], [event, said.length + 1, result, result + 4],
      [OUT, 5, result, result + 4], [event, said.length, 0, result + 4],
      [event, said.length, result, result + 8], [event, said.length, result + 1, result + 4],
    ]) equal(wasm.process_event(at, length, NOW, out, outLength), POINTER, `${[at, length, out]}`);
    equal(wasm.process_event(event, said.length, NOW, result, result + 4), 0);
    const [made, length] = new Uint32Array(wasm.memory.buffer, result, 2);
    const answer = JSON.parse(new TextDecoder().decode(new Uint8Array(wasm.memory.buffer, made, length)));
    equal([answer.taken, answer.session.events], ['began', 1]);
    equal([wasm.deallocate(made, length), wasm.deallocate(event, said.length), wasm.deallocate(result, 8)], [0, 0, 0]);
  },
  'analytics: the same as native code': ({ compiled, files }) => {
    const on = new Analytics(compiled.analytics);
    for (const [now, event, expected] of lines(files['functions/analytics-core/golden.tsv'])) {
      equal(on.processEvent(JSON.parse(event), Number(now)), JSON.parse(expected), event);
    }
  },
  'analytics: a score is that of a person, a scanner or a scraper': ({ compiled }) => {
    const on = new Analytics(compiled.analytics);
    const of = (...parameters) => on.calculateAnomalyScore(...parameters);
    equal([of(0), of(9, 1, 9), of(40, NaN, 0)], [0, 0, 0]);
    assert(of(40, 300_000, 1) < 0.01, 'a person');
    assert(of(200, 60_000, 190) > 0.9, 'a scanner');
    assert(of(100, 5_000) > 0.9, 'a scraper');
  },
  'analytics: many users leave the memory bounded': ({ compiled }) => {
    const on = new Analytics(compiled.analytics);
    const core = { eventType: 'see' };
    for (let user = 0; user < 12_000; user += 1) {
      on.processEvent({ ...core, userId: `user ${user}` }, NOW + user);
    }
    // The first of them had to make room.
    equal(on.processEvent({ ...core, userId: 'user 0' }, NOW + 12_000).taken, 'began');
    equal(on.processEvent({ ...core, userId: 'user 11999' }, NOW + 12_000).taken, 'joined');
  },
};

const CONTEXT = {
  user_id: 'alice', device_id: 'd-1', location: { country: 'DE' },
  network_info: {
    ip_address: '192.0.2.7', user_agent: 'Mozilla/5.0 (X11)', tls_version: 'TLSv1.3',
    cipher_suite: 'TLS_AES_128_GCM_SHA256',
  },
};

const GUARD = {
  'guard: what cannot be judged is refused': async ({ compiled }) => {
    for (const rules of [null, 'text', 5]) {
      await refused(() => new Guard(compiled.guard, { rules }), TypeError);
    }
    for (const rules of [{}, [], { rules: [{}] }, { rules: [], thresholds: { block: 2 } }]) {
      await refused(() => new Guard(compiled.guard, { rules }), 'argument');
    }
    await refused(() => new Guard(compiled.images), 'load');
    const on = new Guard(compiled.guard);
    for (const context of [undefined, null, 'text', 5]) {
      await refused(() => on.evaluate(context, NOW), TypeError);
    }
    for (const context of [
      {}, [], { ...CONTEXT, user_id: 5 }, { ...CONTEXT, location: null },
      { ...CONTEXT, network_info: { ...CONTEXT.network_info, ip_address: '300.1.1.1' } },
      { ...CONTEXT, user_id: 'x'.repeat(600) }, { ...CONTEXT, device_reputation: 2 },
    ]) await refused(() => on.evaluate(context, NOW), 'argument');
    await refused(() => on.evaluate({ ...CONTEXT, more: 'x'.repeat(70_000) }, NOW), 'too-large');
    for (const now of [-1, 1e13, Infinity]) {
      await refused(() => on.evaluate(CONTEXT, now), 'argument');
    }
    await refused(() => on.evaluate(CONTEXT, '5'), TypeError);
    equal(on.evaluate(CONTEXT, NOW).allow, true);
  },
  'guard: pointers are not believed, and nobody passes without rules': ({ instance }) => {
    const wasm = instance('guard');
    const said = text.encode(JSON.stringify(CONTEXT));
    const [context, result] = [wasm.allocate(said.length), wasm.allocate(8)];
    new Uint8Array(wasm.memory.buffer).set(said, context);
    const ask = (at, length, out, outLength) => (
      wasm.evaluate_security_context(at, length, NOW, out, outLength)
    );
    equal(ask(context, said.length, result, result + 4), -2, 'no rules');
    for (const [at, length] of [[0, 5], [OUT, 8], [-4, 4], [context, said.length + 1]]) {
      equal(wasm.init_security_engine(at, length), POINTER, `${at} ${length}`);
    }
    equal(wasm.init_security_engine(context, said.length), -2, 'they are no rules');
    equal(ask(context, said.length, result, result + 4), -2, 'still none');
    equal(wasm.init_security_engine(), 0, 'the usual ones, as the article calls it');
    for (const [at, length, out, outLength] of [
      [0, 5, result, result + 4], [context, said.length + 1, result, result + 4],
      [OUT, 5, result, result + 4], [context, said.length, 0, result + 4],
      [context, said.length, result, result + 8], [context, said.length, result + 1, result + 4],
    ]) equal(ask(at, length, out, outLength), POINTER, `${[at, length, out]}`);
    equal(new Uint32Array(wasm.memory.buffer, result, 2), new Uint32Array(2), 'nothing is written');
    equal(ask(context, said.length, result, result + 4), 1);
    const [made, length] = new Uint32Array(wasm.memory.buffer, result, 2);
    const answer = JSON.parse(new TextDecoder().decode(new Uint8Array(wasm.memory.buffer, made, length)));
    equal([answer.allow, answer.expires_at], [true, NOW / 1000 + 300]);
    equal([wasm.deallocate(made, length), wasm.deallocate(context, said.length), wasm.deallocate(result, 8)], [0, 0, 0]);
  },
  'guard: the same as native code': ({ compiled, files }) => {
    const guards = new Map([['usual', new Guard(compiled.guard)]]);
    for (const [now, rules, context, pass, expected] of lines(files['functions/guard-core/golden.tsv'])) {
      if (!guards.has(rules)) guards.set(rules, new Guard(compiled.guard, { rules: JSON.parse(rules) }));
      const decision = guards.get(rules).evaluate(JSON.parse(context), Number(now));
      equal([decision, `${decision.allow}`], [JSON.parse(expected), pass], context);
    }
    equal(guards.size, 2);
  },
  'guard: an instance that is new has the rules, too': ({ compiled }) => {
    const nobody = { rules: [], thresholds: { verify: 0, step_up: 0, block: 0 } };
    // No memory is kept, so that each call has another instance.
    const on = new Guard(compiled.guard, { rules: nobody, memoryBytesKept: 0 });
    for (let call = 0; call < 3; call += 1) equal(on.evaluate(CONTEXT, NaN).outcome, 'block');
    equal(on.evaluate(CONTEXT, NaN).expires_at, null);
  },
};
