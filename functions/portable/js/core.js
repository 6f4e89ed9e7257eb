// What the wrappers share: a core module is loaded, its memory filled and given back, its
// codes become errors.

/** What the codes of the modules are called; see `portable::fault::Code`. */
const CODES = new Map([
  [-1, 'pointer'], [-2, 'argument'], [-3, 'utf8'], [-4, 'unsupported'],
  [-5, 'damaged'], [-6, 'too-large'], [-7, 'memory'], [-8, 'internal'],
]);

/** Exports that every module has. */
const SHARED = ['allocate', 'deallocate', 'last_status', 'last_message', 'last_message_len'];

export class PortableError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = 'PortableError';
    this.code = code;
  }
}

/** Compiles whatever a host may have a module as. */
export async function compile(source) {
  const given = await source;
  if (given instanceof WebAssembly.Module) return given;
  if (given instanceof ArrayBuffer || ArrayBuffer.isView(given)) return WebAssembly.compile(given);
  if (typeof Response === 'function' && given instanceof Response) {
    if (!given.ok) throw new PortableError('load', `the module was answered with ${given.status}`);
    return WebAssembly.compile(await given.arrayBuffer());
  }
  throw new TypeError('a module is a WebAssembly.Module, its bytes, or a Response with them');
}

/** A module that can be called again whatever happened in the call before. */
export class Core {
  #module;
  #memoryBytesKept;
  #exports;

  constructor(module, names, { memoryBytesKept = 64 << 20 } = {}) {
    if (!(module instanceof WebAssembly.Module)) {
      throw new TypeError('not a WebAssembly.Module; load() takes other things, too');
    }
    const has = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
    const missing = ['memory', ...SHARED, ...names].filter((name) => !has.has(name));
    if (missing.length > 0) {
      throw new PortableError('load', `the module has no ${missing.join(', ')}`);
    }
    this.#module = module;
    this.#memoryBytesKept = memoryBytesKept;
  }

  /** Bytes of memory that are kept for the next call. */
  get memoryBytes() {
    return this.#exports?.memory.buffer.byteLength ?? 0;
  }

  /** Runs `use` with memory of its own, all of which is given back at the end. */
  call(use) {
    this.#exports ??= new WebAssembly.Instance(this.#module, {}).exports;
    const scope = new Scope(this.#exports);
    try {
      return use(scope);
    } finally {
      if (!scope.isBroken) scope.free();
      // Memory of WebAssembly never shrinks, and after a trap nothing is known about it.
      if (scope.isBroken || this.memoryBytes > this.#memoryBytesKept) this.#exports = undefined;
    }
  }
}

/** The memory of one call. */
class Scope {
  isBroken = false;
  #exports;
  #blocks = [];

  constructor(exports) {
    this.#exports = exports;
  }

  /** A block of so many zeros; for none there is none. */
  room(length) {
    if (length === 0) return 0;
    const block = this.run('allocate', length) >>> 0;
    if (block === 0) this.#fail(this.run('last_status'));
    this.#blocks.push([block, length]);
    return block;
  }

  /** A block with the bytes of a typed array. */
  copy(view) {
    const block = this.room(view.byteLength);
    this.bytes(block, view.byteLength)
      .set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    return block;
  }

  /** The module's bytes. Growing memory ends this view: it is taken anew after each call. */
  bytes(start, length) {
    return new Uint8Array(this.#exports.memory.buffer, start, length);
  }

  /** A number that the module wrote. */
  number(at) {
    return new DataView(this.#exports.memory.buffer).getUint32(at, true);
  }

  /** Calls an export. Whatever it throws is a trap, after which the instance is no good. */
  run(name, ...parameters) {
    try {
      return this.#exports[name](...parameters);
    } catch (cause) {
      this.isBroken = true;
      throw new PortableError('crashed', `${name} did not come to an end: ${cause}`, { cause });
    }
  }

  /** Calls an export that returns a status. */
  do(name, ...parameters) {
    const status = this.run(name, ...parameters);
    if (status !== 0) this.#fail(status);
  }

  /** Calls an export that returns a value, and keeps its status beside. */
  get(name, ...parameters) {
    const value = this.run(name, ...parameters);
    const status = this.run('last_status');
    if (status !== 0) this.#fail(status);
    return value;
  }

  /** The block whose address and length the module wrote, copied and given back. */
  take(at) {
    const [block, length] = [this.number(at), this.number(at + 4)];
    const bytes = this.bytes(block, length).slice();
    this.do('deallocate', block, length);
    return bytes;
  }

  free() {
    for (const [block, length] of this.#blocks.splice(0)) this.run('deallocate', block, length);
  }

  #fail(status) {
    const start = this.run('last_message') >>> 0;
    const length = this.run('last_message_len') >>> 0;
    const message = new TextDecoder().decode(this.bytes(start, length));
    throw new PortableError(CODES.get(status) ?? 'internal', message);
  }
}

/** Refuses what is not of the class that is asked for, before it is copied. */
export function need(value, type) {
  if (!(value instanceof type)) throw new TypeError(`not a ${type.name}`);
  return value;
}

/** Refuses what is not a whole number within bounds. */
export function whole(value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${value} is not a whole number from ${least} to ${most}`);
  }
  return value;
}
