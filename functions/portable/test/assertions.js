// The little that the checks need of an assertion library, the same in every host.

import { PortableError } from '../js/core.js';

export function assert(holds, message = 'it does not hold') {
  if (!holds) throw new Error(message);
}

/** Compares what JSON can tell apart, and NaN. */
export function equal(got, expected, message = '') {
  const told = (value) => JSON.stringify(value, (_, part) => (Number.isNaN(part) ? 'NaN' : part));
  if (told(got) !== told(expected)) throw new Error(`${message}: ${told(got)}, not ${told(expected)}`);
}

/** Something throws an error of this class, or a `PortableError` of this code. */
export async function refused(call, expected) {
  let thrown;
  try {
    await call();
  } catch (error) {
    thrown = error;
  }
  const fits = typeof expected === 'string'
    ? thrown instanceof PortableError && thrown.code === expected
    : thrown instanceof expected;
  if (!fits) throw new Error(`${call} gave ${thrown}, not ${expected.name ?? expected}`);
}

/** The lines of a table but its heading, in columns. */
export function lines(bytes) {
  const all = new TextDecoder().decode(bytes).split('\n').slice(1);
  const rows = all.filter((line) => line && !line.startsWith('#'));
  assert(rows.length > 0, 'the table is empty');
  return rows.map((line) => line.split('\t'));
}

/** 64-bit FNV-1a in hexadecimal digits. In halves: a `BigInt` for each byte is slow. */
export function digest(bytes) {
  let [high, low] = [0xcbf29ce4, 0x84222325];
  for (const byte of bytes) {
    low = (low ^ byte) >>> 0;
    // Times 2⁴⁰ + 0x1b3, modulo 2⁶⁴.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 2 ** 32) + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
