// Measures each primitive and the plain loop beside it, in one round of `cargo xtask bench
// primitives`: `node primitives.js MODULE BYTES MILLISECONDS` prints, for each, the
// nanoseconds of a call of either.

import { readFileSync } from 'node:fs';

const [, , path, bytes, milliseconds] = process.argv;
const length = Number(bytes);
const wasm = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)), {}).exports;
const [data, other] = [wasm.allocate(length), wasm.allocate(length)];
const memory = (at) => new Uint8Array(wasm.memory.buffer, at, length);

/** xorshift, as in `examples/measure.rs`. */
function numbers(count) {
  let state = 1;
  return Int32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  });
}

const words = new Uint8Array(numbers(length / 4).buffer);
const floats = new Uint8Array(Float32Array.from(numbers(length / 4), (n) => n / 65_536).buffer);
const ascii = new Uint8Array(length).map((_, at) => 97 + (at % 26));
const mixed = new TextEncoder().encode('aé€😀 '.repeat(length / 11 + 1));
// Ends between characters; the rest is blanks.
const cut = mixed.length > length ? length - (length % 11) : mixed.length;
const text = new Uint8Array(length).fill(32);
text.set(mixed.subarray(0, cut));

const [least, most] = [-(1 << 30), 1 << 30];
const CASES = [
  ['crc32', words, () => wasm.crc32_continue(0, data, length), () => wasm.naive_crc32(data, length)],
  ['sum', floats, () => wasm.vectorized_sum(data, length / 4), () => wasm.naive_sum(data, length / 4)],
  ['filter', words, () => wasm.cache_optimized_filter(data, other, length, 127),
    () => wasm.naive_filter(data, other, length, 127)],
  ['keep above', words, () => wasm.keep_above(data, length, 127), () => wasm.naive_keep_above(data, length, 127)],
  ['maximum', words, () => wasm.max_of(data, length / 4), () => wasm.naive_max_of(data, length / 4)],
  ['clamp', words, () => wasm.clamp_all(data, length / 4, least, most),
    () => wasm.naive_clamp_all(data, length / 4, least, most)],
  ['reverse ASCII', ascii, () => wasm.in_place_string_reverse(data, length), () => wasm.naive_string_reverse(data, length)],
  ['reverse text', text, () => wasm.in_place_string_reverse(data, length), () => wasm.naive_string_reverse(data, length)],
];

/** Nanoseconds of a call. The data are put back before each, outside of what is measured. */
function measure(given, call, budget) {
  let [spent, calls] = [0, 0];
  while (spent < budget) {
    memory(data).set(given);
    const start = performance.now();
    call();
    spent += performance.now() - start;
    calls += 1;
  }
  return (spent * 1e6) / calls;
}

for (const [name, given, fast, plain] of CASES) {
  const budget = Number(milliseconds);
  // Until the host has compiled it as well as it will.
  for (const call of [fast, plain]) measure(given, call, budget / 4);
  console.log([name, measure(given, fast, budget), measure(given, plain, budget)].join('\t'));
}
