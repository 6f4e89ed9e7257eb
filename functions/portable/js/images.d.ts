import type { Options, Source } from './core.js';
export { PortableError } from './core.js';

/** Pictures scaled, cut and converted, by the module `images-core.wasm`: JPEG, PNG, WebP and GIF
 * in; JPEG, PNG and WebP out. */
export class Images {
  constructor(module: WebAssembly.Module, options?: Options);
  static load(source: Source | Promise<Source>, options?: Options): Promise<Images>;

  /** As large as fits into the box, with the picture's own ratio; a side that is left out, or 0,
   * follows from that. JPEG of quality 85. */
  resize(picture: Uint8Array, box?: { width?: number; height?: number }): Uint8Array;
  /** The largest part of this ratio of width to height (0.01 to 100) that shows what the picture
   * is about, in its own format. */
  smartCrop(picture: Uint8Array, aspectRatio: number): Uint8Array;
  /** What the function `images` answers for a target, such as `/img/320x214/cover?q=60` or
   * `/cdn-cgi/image/w=320,f=webp/`, and a value of `Accept`. */
  transform(picture: Uint8Array, target: string, accept?: string): Uint8Array;
}
