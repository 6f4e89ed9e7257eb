// Makes a picture at most so wide: `shrink.mjs MODULE PICTURE WIDTH RESULT`, in Node.js or Deno.

import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { Images, PortableError } from '../../functions/portable/js/images.js';

const [module, picture, width, result] = process.argv.slice(2);
if (result === undefined) {
  console.error('shrink.mjs MODULE PICTURE WIDTH RESULT');
  process.exit(2);
}
const images = await Images.load(readFile(module));
try {
  const source = new Uint8Array(await readFile(picture));
  const made = images.resize(source, { width: Number(width) });
  await writeFile(result, made);
  console.log(`${source.length} → ${made.length} bytes`);
} catch (error) {
  if (!(error instanceof PortableError)) throw error;
  console.error(`${picture}: ${error.message} (${error.code})`);
  process.exit(1);
}
