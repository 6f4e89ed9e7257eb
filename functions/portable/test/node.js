// The checks in Node.js: `node node.js`, in the folder that `cargo xtask test` lays out.

import { readFile } from 'node:fs/promises';
import { run } from './checks.js';
import { FILES } from './files.js';

const read = (path) => readFile(new URL(`../${path}`, import.meta.url));
const [files, modules] = [{}, {}];
for (const path of FILES) files[path] = new Uint8Array(await read(path));
for (const name of ['primitives', 'images', 'optimizer', 'analytics', 'experiments', 'guard']) {
  modules[name] = await read(`${name}-core.wasm`);
}
process.exitCode = (await run({ modules, files, say: console.log })) === 0 ? 0 : 1;
