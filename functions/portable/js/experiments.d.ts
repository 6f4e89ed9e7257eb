import type { Options, Source } from './core.js';
export { PortableError } from './core.js';

/** Hashes of visitors and kinds of devices, by the module `experiments-core.wasm`. */
export class Experiments {
  constructor(module: WebAssembly.Module, options?: Options);
  static load(source: Source | Promise<Source>, options?: Options): Promise<Experiments>;

  /** The hash of an experiment's seed and a visitor's id, one after the other. Its remainder
   * by 10,000 is the visitor's bucket in ten-thousandths. */
  calculateUserHash(text: string): number;
  /** How large the screen probably is: below 30 a phone, below 70 a tablet, else neither. */
  detectDeviceType(userAgent: string): number;
  /** The same in a word; `unknown` without a text. */
  detectDevice(userAgent: string | null | undefined): 'mobile' | 'tablet' | 'desktop' | 'unknown';
}
