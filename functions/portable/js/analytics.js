// The exports of analytics-core, for JavaScript.

import { Core, compile, whole } from './core.js';
export { PortableError } from './core.js';

export class Analytics {
  #core;

  constructor(module, options) {
    this.#core = new Core(module, ['process_event', 'calculate_anomaly_score'], options);
  }

  static async load(source, options) {
    return new Analytics(await compile(source), options);
  }

  processEvent(event, nowMs = Date.now()) {
    if (typeof event !== 'object' || event === null) throw new TypeError('not an event');
    const said = new TextEncoder().encode(JSON.stringify(event));
    const made = this.#core.call((scope) => {
      const result = scope.room(8);
      scope.do('process_event', scope.copy(said), said.length, Number(nowMs), result, result + 4);
      return scope.take(result);
    });
    return JSON.parse(new TextDecoder().decode(made));
  }

  calculateAnomalyScore(totalEvents, durationMs = 0, errorCount = 0) {
    const events = whole(totalEvents, 0, 0xffff_ffff);
    const errors = whole(errorCount, 0, 0xffff_ffff);
    const run = (scope) => scope.run('calculate_anomaly_score', events, Number(durationMs), errors);
    return this.#core.call(run);
  }
}
