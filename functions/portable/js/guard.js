// The exports of guard-core, for JavaScript.

import { Core, compile } from './core.js';
export { PortableError } from './core.js';

export class Guard {
  #core;
  #rules;

  constructor(module, { rules, ...options } = {}) {
    if (rules !== undefined && (typeof rules !== 'object' || rules === null)) {
      throw new TypeError('rules are an object');
    }
    this.#core = new Core(module, ['init_security_engine', 'evaluate_security_context'], options);
    this.#rules = new TextEncoder().encode(rules === undefined ? '' : JSON.stringify(rules));
    // What is wrong with them is told now, and not when somebody is to be judged.
    this.#call(() => {});
  }

  static async load(source, options) {
    return new Guard(await compile(source), options);
  }

  evaluate(context, nowMs = Date.now()) {
    if (typeof context !== 'object' || context === null) throw new TypeError('not a context');
    if (typeof nowMs !== 'number') throw new TypeError('the clock is no number');
    const said = new TextEncoder().encode(JSON.stringify(context));
    const made = this.#call((scope) => {
      const result = scope.room(8);
      const at = scope.copy(said);
      scope.get('evaluate_security_context', at, said.length, nowMs, result, result + 4);
      return scope.take(result);
    });
    return JSON.parse(new TextDecoder().decode(made));
  }

  /** An instance that is new has no rules yet, and lets nobody pass. */
  #call(use) {
    const isNew = this.#core.memoryBytes === 0;
    return this.#core.call((scope) => {
      if (isNew) scope.do('init_security_engine', scope.copy(this.#rules), this.#rules.length);
      return use(scope);
    });
  }
}
