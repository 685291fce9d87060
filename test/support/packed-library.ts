/** The package as it would be published, unpacked beside the packages that it needs: for tests that use it as a host does. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Npm } from '../nodes/npm.ts';
import { pack } from '../nodes/packed.ts';
import { REPOSITORY, run } from './process.ts';

const MODULES = join(REPOSITORY, 'node_modules');
const TSC = join(MODULES, 'typescript/bin/tsc');

/**
 * @param directory empty; gets a `node_modules`
 * @param others packages beside its own dependencies; no types of any other package are there
 */
export async function unpackLibrary(directory: string, others: readonly string[] = []): Promise<void> {
  const tarball = await pack(new Npm(join(directory, 'npm-cache')), directory);
  const ours = join(directory, 'node_modules/claude-session-sweeper');
  mkdirSync(ours, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', ours]);
  const manifest = JSON.parse(readFileSync(join(ours, 'package.json'), 'utf8')) as { dependencies: object };
  for (const name of [...Object.keys(manifest.dependencies), ...others]) {
    mkdirSync(dirname(join(directory, 'node_modules', name)), { recursive: true });
    symlinkSync(join(MODULES, name), join(directory, 'node_modules', name));
  }
}

/** Strict, with the types of all dependencies looked into, and with no types but those of the language. */
const STRICT = {
  target: 'es2022',
  lib: ['es2022', 'esnext.disposable'],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  esModuleInterop: true,
};

/**
 * @param installed directory in which the library was unpacked
 * @returns what the compiler says; the compiled file is in the directory `out` beside the source
 */
export async function compileStrictly(
  installed: string,
  file: string,
  source: string,
  compilerOptions: object,
): Promise<string> {
  const directory = join(installed, file.replaceAll('.', '-'));
  mkdirSync(directory);
  writeFileSync(join(directory, file), source);
  const config = { compilerOptions: { ...STRICT, outDir: 'out', ...compilerOptions }, files: [file] };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config));
  const { code, stdout, stderr } = await run(process.execPath, [TSC, '-p', directory]);
  return code === 0 ? stdout : `${code}: ${stdout}${stderr}`;
}
