/** Compiles the small C programs that tests and harnesses need. */

import { spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { REPOSITORY } from './process.ts';

/** @returns why nothing can be compiled here; undefined where it can */
export function gccMissing(): string | undefined {
  return spawnSync('gcc', ['--version']).status === 0
    ? undefined
    : 'gcc is not installed (apt-get install gcc libc6-dev)';
}

/** @param source below the repository @returns the path of what was compiled */
export function compile(source: string, directory: string, ...flags: readonly string[]): string {
  const output = join(directory, basename(source, '.c'));
  const args = ['-O2', '-Wall', ...flags, '-o', output, join(REPOSITORY, source)];
  const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`compile ${source}: ${stderr}`);
  return output;
}
