// The checks in workerd: `workerd test config.capnp`. Modules are imported, compiled when the
// worker is loaded: code from bytes is forbidden there.

import analytics from '../analytics-core.wasm';
import experiments from '../experiments-core.wasm';
import guard from '../guard-core.wasm';
import images from '../images-core.wasm';
import optimizer from '../optimizer-core.wasm';
import primitives from '../primitives-core.wasm';
import { run } from './checks.js';
import { FILES } from './files.js';

export default {
  async test() {
    const files = {};
    for (const path of FILES) files[path] = new Uint8Array((await import(`../${path}`)).default);
    const failed = await run({
      modules: { analytics, experiments, guard, images, optimizer, primitives }, files,
      say: (line) => console.log(line),
    });
    if (failed > 0) throw new Error(`${failed} checks failed`);
  },
};
