import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { codeCacheFile, codeCachePath, loadScript, runScript } from '../../src/process/code-cache.ts';
import { makeInstallation } from '../support/installation.ts';
import { REPOSITORY, run } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';

const SOURCE = "exports.answer = () => 'first';\n";
/** As long as the other one. */
const CHANGED = SOURCE.replace('first', 'other');

/** A script with a code cache beside it, made when its function had run. This process has not compiled it: V8 remembers by path. */
function makeCached(): string {
  const path = join(tempDir(), 'script.js');
  const compiled = join(tempDir(), 'script.js');
  writeFileSync(path, SOURCE);
  writeFileSync(compiled, SOURCE);
  const script = loadScript(compiled);
  expect(answerOf(script, compiled)).toBe('first');
  writeFileSync(codeCachePath(path), codeCacheFile(Buffer.from(SOURCE), script.createCachedData()));
  return path;
}

/** What V8 made, behind the first line. */
function dataIn(file: Buffer): Buffer {
  return file.subarray(file.indexOf('\n') + 1);
}

function answerOf(script: Script, path: string): string {
  runScript(script, path);
  const load = createRequire(path);
  const { answer } = load(path) as { answer: () => string };
  delete load.cache[path];
  return answer();
}

describe('a script with a code cache', () => {
  it('is run by it where it was made by this Node and of this source', () => {
    const path = makeCached();
    const script = loadScript(path);
    expect(script.cachedDataRejected).toBe(false);
    expect(answerOf(script, path)).toBe('first');
  });

  it('is run as it stands now where one letter of it has changed, which V8 would not notice', () => {
    const path = makeCached();
    const cachedData = dataIn(readFileSync(codeCachePath(path)));
    const wrapped = (source: string) => `(function (exports, require, module, __filename, __dirname) { ${source}\n})`;
    expect(new Script(wrapped(CHANGED), { cachedData }).cachedDataRejected).toBe(false);
    writeFileSync(path, CHANGED);
    const script = loadScript(path);
    expect(script.cachedDataRejected).toBeUndefined();
    expect(answerOf(script, path)).toBe('other');
  });

  it.each([
    ['by another Node', (cache: Buffer) => Buffer.concat([Buffer.from('v20.0.0-other'), cache]), undefined],
    [
      'with damage that V8 would not notice',
      (cache: Buffer) => Buffer.concat([cache.subarray(0, -50), Buffer.alloc(50, 'x')]),
      undefined,
    ],
    ['in part', (cache: Buffer) => cache.subarray(0, -50), undefined],
    ['by nobody', () => Buffer.of(), undefined],
    ['for another V8', () => codeCacheFile(Buffer.from(SOURCE), Buffer.alloc(500)), true],
  ])('is run without one that was made %s', (_, change, rejected) => {
    const path = makeCached();
    writeFileSync(codeCachePath(path), change(readFileSync(codeCachePath(path))));
    const script = loadScript(path);
    expect(script.cachedDataRejected).toBe(rejected);
    expect(answerOf(script, path)).toBe('first');
  });

  it('is run without where there is none', () => {
    const path = makeCached();
    rmSync(codeCachePath(path));
    expect(answerOf(loadScript(path), path)).toBe('first');
  });

  it('is one module, whoever requires it while it runs', () => {
    const path = join(tempDir(), 'script.js');
    writeFileSync(path, "exports.isSame = require('./script.js') === exports;\n");
    runScript(loadScript(path), path);
    expect(createRequire(path)(path)).toEqual({ isSame: true });
  });
});

describe('the program', () => {
  it('is given a code cache by the Node that builds it, which takes it', async () => {
    const home = dirname(dirname(dirname(makeInstallation().program)));
    cpSync(join(REPOSITORY, 'scripts'), join(home, 'scripts'), { recursive: true });
    rmSync(codeCachePath(join(home, 'dist/program/process.js')), { force: true });
    const made = await run(process.execPath, ['scripts/make-code-cache.mjs'], { cwd: home });
    expect(made).toMatchObject({ stderr: '', code: 0 });
    const look = `
      import { loadScript } from './dist/process/code-cache.js';
      import { keepHeapsSmall } from './dist/process/small-heap.js';
      keepHeapsSmall();
      process.stdout.write(String(loadScript('./dist/program/process.js').cachedDataRejected));`;
    const args = ['--input-type=module', '--eval', look];
    expect(await run(process.execPath, args, { cwd: home })).toMatchObject({ stdout: 'false', code: 0 });
  });
});
