import type { Options, Source } from './core.js';
import type { Images } from './images.js';
export { PortableError } from './core.js';

export interface ClientHints {
  /** Anything but `mobile` and `tablet` is a desktop. */
  deviceType?: 'mobile' | 'tablet' | 'desktop' | (string & {});
  /** Anything but the slow ones is fast. */
  connection?: 'slow-2g' | '2g' | '3g' | '4g' | '5g' | (string & {});
  /** CSS pixels. */
  viewportWidth?: number;
  saveData?: boolean;
  /** Pictures become WebP, if the optimizer was given `images` and they are smaller so. */
  supportsWebp?: boolean;
  /** There is no encoder for AVIF outside of a node, so that this changes nothing. */
  supportsAvif?: boolean;
}

export interface OptimizationRequest {
  /** The content's `Content-Type`. */
  contentType: string;
  /** The client's `Accept-Encoding`; without it nothing is compressed. */
  acceptEncoding?: string;
  clientHints?: ClientHints;
  /** Path and query of what was asked for. */
  target?: string;
  /** Settings of the function `optimizer`, such as `OPTIMIZER_WHITESPACE`. */
  settings?: Record<string, string>;
}

export interface OptimizedContent {
  content: Uint8Array;
  contentType: string;
  /** `Content-Encoding`, if it was compressed. */
  contentEncoding: 'br' | 'gzip' | 'zstd' | null;
  /** Seconds for which a shared cache may keep it. */
  cacheTtl: number;
  /** What was done; empty if `content` is what was given. */
  optimizationsApplied: string[];
}

/** Content made smaller, by the module `optimizer-core.wasm`. */
export class Optimizer {
  constructor(module: WebAssembly.Module, options?: Options & { images?: Images });
  static load(
    source: Source | Promise<Source>,
    options?: Options & { images?: Images },
  ): Promise<Optimizer>;

  /** Never larger than it was; what cannot be improved comes back as it is. */
  optimize(content: Uint8Array, request: OptimizationRequest): OptimizedContent;
}
