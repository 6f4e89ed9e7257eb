// The exports of primitives-core, for JavaScript.

import { Core, compile, need, whole } from './core.js';
export { PortableError } from './core.js';

const NAMES = [
  'fast_crc32', 'crc32_continue', 'vectorized_sum', 'cache_optimized_filter', 'keep_above',
  'branchless_max', 'branchless_clamp', 'max_of', 'clamp_all', 'in_place_string_reverse',
  'get_buffer', 'release_buffer',
];
/** Bytes that are copied at a time, where all of them need not be there together. */
const PIECE_BYTES = 1 << 20;
const BUFFER_BYTES = 1024;

const int32 = (value) => whole(value, -(2 ** 31), 2 ** 31 - 1);

export class Primitives {
  #core;

  constructor(module, options) {
    this.#core = new Core(module, NAMES, options);
  }

  static async load(source, options) {
    return new Primitives(await compile(source), options);
  }

  fastCrc32(bytes, before = 0) {
    need(bytes, Uint8Array);
    let crc = whole(before, 0, 2 ** 32 - 1);
    return this.#core.call((scope) => {
      const block = scope.room(Math.min(bytes.length, PIECE_BYTES));
      for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
        const piece = bytes.subarray(start, start + PIECE_BYTES);
        scope.bytes(block, piece.length).set(piece);
        crc = scope.get('crc32_continue', crc, block, piece.length) >>> 0;
      }
      return crc;
    });
  }

  vectorizedSum(values) {
    need(values, Float32Array);
    return this.#core.call((scope) => scope.get('vectorized_sum', scope.copy(values), values.length));
  }

  cacheOptimizedFilter(bytes, threshold) {
    need(bytes, Uint8Array);
    whole(threshold, 0, 255);
    return this.#core.call((scope) => {
      const block = scope.copy(bytes);
      scope.do('cache_optimized_filter', block, block, bytes.length, threshold);
      return scope.bytes(block, bytes.length).slice();
    });
  }

  keepAbove(bytes, threshold) {
    need(bytes, Uint8Array);
    whole(threshold, 0, 255);
    return this.#core.call((scope) => {
      const block = scope.copy(bytes);
      const kept = scope.get('keep_above', block, bytes.length, threshold) >>> 0;
      return scope.bytes(block, kept).slice();
    });
  }

  branchlessMax(a, b) {
    int32(a), int32(b);
    return this.#core.call((scope) => scope.get('branchless_max', a, b));
  }

  branchlessClamp(value, min, max) {
    int32(value), int32(min), int32(max);
    return this.#core.call((scope) => scope.get('branchless_clamp', value, min, max));
  }

  maxOf(values) {
    need(values, Int32Array);
    return this.#core.call((scope) => scope.get('max_of', scope.copy(values), values.length));
  }

  clampAll(values, min, max) {
    need(values, Int32Array);
    int32(min), int32(max);
    return this.#core.call((scope) => {
      const block = scope.copy(values);
      scope.do('clamp_all', block, values.length, min, max);
      return new Int32Array(scope.bytes(block, values.byteLength).slice().buffer);
    });
  }

  reverseString(text) {
    if (typeof text !== 'string') throw new TypeError('not a string');
    if (!text.isWellFormed()) throw new RangeError('half of a surrogate pair is no character');
    const bytes = new TextEncoder().encode(text);
    return this.#core.call((scope) => {
      const block = scope.copy(bytes);
      scope.do('in_place_string_reverse', block, bytes.length);
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(scope.bytes(block, bytes.length));
    });
  }

  withBuffer(use) {
    return this.#core.call((scope) => {
      const buffer = scope.get('get_buffer') >>> 0;
      try {
        return use(scope.bytes(buffer, BUFFER_BYTES), {
          crc32: (length) =>
            scope.get('fast_crc32', buffer, whole(length, 0, BUFFER_BYTES)) >>> 0,
        });
      } finally {
        if (!scope.isBroken) scope.do('release_buffer', buffer);
      }
    });
  }
}
