// The exports of experiments-core, for JavaScript.

import { Core, compile } from './core.js';
export { PortableError } from './core.js';

const NAMES = ['calculate_user_hash', 'detect_device_type'];

export class Experiments {
  #core;

  constructor(module, options) {
    this.#core = new Core(module, NAMES, options);
  }

  static async load(source, options) {
    return new Experiments(await compile(source), options);
  }

  #ask(name, text) {
    if (typeof text !== 'string') throw new TypeError('not a string');
    if (!text.isWellFormed()) throw new RangeError('half of a surrogate pair is no character');
    const bytes = new TextEncoder().encode(text);
    return this.#core.call((scope) => scope.get(name, scope.copy(bytes), bytes.length) >>> 0);
  }

  calculateUserHash(text) {
    return this.#ask('calculate_user_hash', text);
  }

  detectDeviceType(userAgent) {
    return this.#ask('detect_device_type', userAgent);
  }

  detectDevice(userAgent) {
    if (!userAgent) return 'unknown';
    const score = this.detectDeviceType(userAgent);
    if (score < 30) return 'mobile';
    return score < 70 ? 'tablet' : 'desktop';
  }
}
