/** What was wrong. `crashed`: a trap within the module, which is good again for the next call. */
export type Code =
  | 'pointer' | 'argument' | 'utf8' | 'unsupported' | 'damaged' | 'too-large' | 'memory'
  | 'internal' | 'crashed' | 'load';

/** Thrown by all wrappers for what the module refuses; a `TypeError` or `RangeError` is for
 * parameters that are of the wrong type in JavaScript. */
export class PortableError extends Error {
  readonly name: 'PortableError';
  readonly code: Code;
  constructor(code: Code, message: string, options?: { cause?: unknown });
}

/** What a host may have a module as: compiled (workerd, Cloudflare), bytes (Node.js, Deno), or
 * an answer (`fetch`). */
export type Source = WebAssembly.Module | ArrayBuffer | ArrayBufferView | Response;

export interface Options {
  /** An instance whose memory grew beyond this is not kept for the next call; 64 MiB. */
  memoryBytesKept?: number;
}

/** Compiles what a host has. */
export function compile(source: Source | Promise<Source>): Promise<WebAssembly.Module>;
