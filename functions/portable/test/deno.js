// The checks in Deno: `deno run --allow-read deno.js`, in the folder that `cargo xtask test`
// lays out. Modules come by `fetch`, as they would from a server.

import { run } from './checks.js';
import { FILES } from './files.js';

const [files, modules] = [{}, {}];
for (const path of FILES) files[path] = await Deno.readFile(new URL(`../${path}`, import.meta.url));
for (const name of ['primitives', 'images', 'optimizer', 'analytics', 'experiments', 'guard']) {
  modules[name] = await fetch(new URL(`../${name}-core.wasm`, import.meta.url));
}
Deno.exit((await run({ modules, files, say: console.log })) === 0 ? 0 : 1);
