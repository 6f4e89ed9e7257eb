import type { Options, Source } from './core.js';
export { PortableError } from './core.js';

/** Small loops over many bytes or numbers, by the module `primitives-core.wasm`. */
export class Primitives {
  constructor(module: WebAssembly.Module, options?: Options);
  static load(source: Source | Promise<Source>, options?: Options): Promise<Primitives>;

  /** CRC-32 (IEEE), of bytes that follow those that `before` is of. */
  fastCrc32(bytes: Uint8Array, before?: number): number;
  /** The sum, added in double precision and rounded once to single. */
  vectorizedSum(values: Float32Array): number;
  /** A copy with 0 for each byte that is not above `threshold`, 0 to 255. */
  cacheOptimizedFilter(bytes: Uint8Array, threshold: number): Uint8Array;
  /** The bytes above `threshold`, in their order. */
  keepAbove(bytes: Uint8Array, threshold: number): Uint8Array;
  /** The greater of two whole numbers of 32 bits. */
  branchlessMax(a: number, b: number): number;
  /** `value` between `min` and `max`; where `min` is above `max`, `min`. */
  branchlessClamp(value: number, min: number, max: number): number;
  /** The greatest; of none it throws. */
  maxOf(values: Int32Array): number;
  /** A copy with each number between `min` and `max`. */
  clampAll(values: Int32Array, min: number, max: number): Int32Array;
  /** The characters (scalar values) in the opposite order. */
  reverseString(text: string): string;
  /** Lends one of 16 buffers of 1,024 bytes in the module's own memory for the time of `use`,
   * with what was in it before. `data` is not to be used after. */
  withBuffer<T>(use: (data: Uint8Array, on: { crc32(length: number): number }) => T): T;
}
