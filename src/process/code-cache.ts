/** Runs a script by the code cache that the build made of it, where one fits this Node and this very source; else without. */

import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

/** Lies beside its script. */
const CACHE_ENDING = '.cache';

/** As Node wraps a CommonJS module. */
type Wrapper = (exports: object, require: NodeJS.Require, module: Module, filename: string, directory: string) => void;

/**
 * Compiles a CommonJS module, with its code cache or without.
 * @throws where it cannot be read, or is no JavaScript
 */
export function loadScript(path: string): Script {
  const source = readFileSync(path);
  const cachedData = readCachedData(path, source);
  const wrapped = `(function (exports, require, module, __filename, __dirname) { ${source}\n})`;
  // V8 looks at its own part again, and compiles where it refuses it.
  return new Script(wrapped, { filename: path, ...(cachedData === undefined ? {} : { cachedData }) });
}

/** Runs what `loadScript` has compiled, once, as Node runs a module: whoever requires it later gets this one. */
export function runScript(script: Script, path: string): void {
  const load = createRequire(path);
  const filename = load.resolve(path);
  const module = new Module(filename);
  load.cache[filename] = module;
  // Else Node would warn of what it takes for a circle.
  module.loaded = true;
  (script.runInThisContext() as Wrapper)(module.exports, load, module, filename, dirname(filename));
}

export function codeCachePath(scriptPath: string): string {
  return `${scriptPath}${CACHE_ENDING}`;
}

/**
 * The file that is a code cache: a line that says what made it of what, and V8's data. V8 compares no more of a source than its length,
 * and would run the cache of another one; of its data it believes everything.
 */
export function codeCacheFile(source: Buffer, cachedData: Buffer): Buffer {
  return Buffer.concat([headOf(source, cachedData), cachedData]);
}

function headOf(source: Buffer, cachedData: Buffer): Buffer {
  const sums = [source, cachedData].map((bytes) => `${bytes.length} ${crc32(bytes)}`);
  return Buffer.from(`${process.version} ${process.arch} ${sums.join(' ')}\n`);
}

/** Undefined where there is none, one by another Node or of another source, or one that is damaged. */
function readCachedData(path: string, source: Buffer): Buffer | undefined {
  try {
    const file = readFileSync(codeCachePath(path));
    const headLength = file.indexOf('\n') + 1;
    const cachedData = file.subarray(headLength);
    return file.subarray(0, headLength).equals(headOf(source, cachedData)) ? cachedData : undefined;
  } catch {
    // It only saves time.
    return undefined;
  }
}
