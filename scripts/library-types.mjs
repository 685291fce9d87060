/**
 * After the compiler: what a host's compiler reads of the library, for `import` and for `require`. TypeScript takes the types of a CommonJS
 * module from files of its own, so each declaration that a face of the library leads to stands there twice; the code stands there once.
 */

import { readFileSync, writeFileSync } from 'node:fs';

const DIST = new URL('../dist/', import.meta.url);
const FACES = ['library/index', 'library/postgres'];
/** The compiler leaves the endings of imports in declarations as they are in the sources. */
const RELATIVE_IMPORT = /(from |import\()(["'])(\.{1,2}\/[^"']+)\.ts\2/g;

const withEnding = (text, ending) => text.replace(RELATIVE_IMPORT, `$1$2$3${ending}$2`);

function importsOf(text, from) {
  return Array.from(text.matchAll(RELATIVE_IMPORT), ([, , , path]) => {
    return new URL(`${path}.d.ts`, new URL(from, DIST)).href.slice(DIST.href.length);
  });
}

const texts = new Map();
const toRead = FACES.map((face) => `${face}.d.ts`);
for (const path of toRead) {
  if (texts.has(path)) continue;
  const text = readFileSync(new URL(path, DIST), 'utf8');
  texts.set(path, text);
  toRead.push(...importsOf(text, path));
}
for (const [path, text] of texts) {
  writeFileSync(new URL(path, DIST), withEnding(text, '.js'));
  writeFileSync(new URL(path.replace(/\.d\.ts$/, '.d.cts'), DIST), withEnding(text, '.cjs'));
}
// One library, however it is taken in: an error of the one is an error of the other. Every Node that serves requires ES modules.
for (const face of FACES) {
  const name = face.slice(face.lastIndexOf('/') + 1);
  writeFileSync(new URL(`${face}.cjs`, DIST), `module.exports = require('./${name}.js');\n`);
}
