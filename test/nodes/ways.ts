/** The ways in which people get the program, each to its end: installed globally, below a prefix, run by npx; and removed again. */

import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { freshDirectory } from '../support/place.ts';
import { REPOSITORY, run } from '../support/process.ts';
import type { InstallOptions } from './packed.ts';

const NAME = 'claude-session-sweeper';
const MANUAL = `share/man/man1/${NAME}.1`;
/** Of a package that better-sqlite3 12 takes to get its binary, and nobody's but its own. */
const NOT_OURS = /^npm warn deprecated prebuild-install@/;

/** @returns one sentence for each way that did not lead to a program that works, or that npm warned of */
export async function wayFailures(
  { tarball, npm, release, environment = {} }: InstallOptions,
  parent: string,
): Promise<string[]> {
  const failures: string[] = [];
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string };
  const directory = freshDirectory(parent, 'ways');
  const [global, local] = [freshDirectory(directory, 'global'), freshDirectory(directory, 'local')];
  const call = async (way: string, args: readonly string[]) => {
    const { stdout, stderr } = await npm.say(args, { directory, nodeDirectory: release.directory, environment });
    const warnings = stderr.split('\n').filter((line) => line.startsWith('npm warn') && !NOT_OURS.test(line));
    failures.push(...warnings.map((line) => `${way}: ${line}`));
    return stdout.trim();
  };
  const hold = (way: string, found: unknown, expected: unknown) => {
    if (found !== expected) failures.push(`${way}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  };
  const versionOf = async (program: string) => {
    const env = { PATH: `${release.directory}/bin${delimiter}${process.env.PATH ?? ''}` };
    const { code, stdout, stderr } = await run(program, ['--version'], { env });
    return code === 0 ? stdout.trim() : `${code}: ${stderr}`;
  };
  const kept = [`bin/${NAME}`, MANUAL, `lib/node_modules/${NAME}`].map((path) => join(global, path));
  await call('global', ['install', '--global', '--prefix', global, '--engine-strict', tarball]);
  hold('global', await versionOf(join(global, 'bin', NAME)), version);
  hold('global, its manual page', existsSync(join(global, MANUAL)), true);
  await call('uninstall', ['uninstall', '--global', '--prefix', global, NAME]);
  hold(
    'uninstall',
    kept.find((path) => existsSync(path)),
    undefined,
  );
  await call('prefix', ['install', '--prefix', local, '--engine-strict', tarball]);
  hold('prefix', await versionOf(join(local, 'node_modules/.bin', NAME)), version);
  hold('npx', await call('npx', ['exec', '--yes', '--package', tarball, '--', NAME, '--version']), version);
  return failures;
}
