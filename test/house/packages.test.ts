import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isFor, isPermissive, type LockedPackages, runtimePackages } from './packages.ts';

/** Every one of them runs with the rights of whoever runs the program, which may delete what its users have. */
const REQUIRED_MAX = 60;
/** Those without which the program works as well: the driver of PostgreSQL. */
const OPTIONAL_MAX = 1;

const HERE = { os: process.platform, cpu: process.arch };
const top = new URL('../../', import.meta.url);
const { packages } = JSON.parse(readFileSync(new URL('package-lock.json', top), 'utf8')) as {
  readonly packages: LockedPackages;
};
const ofProgram = runtimePackages(packages);

describe('the packages of an installed program', () => {
  it('are few', () => {
    const installed = ofProgram.filter((place) => isFor(HERE, packages[place] ?? {}));
    const isOptional = (place: string) => packages[place]?.optional === true;
    expect(installed).toContain('node_modules/better-sqlite3');
    expect(installed.filter((place) => !isOptional(place)).length).toBeLessThanOrEqual(REQUIRED_MAX);
    expect(installed.filter(isOptional).length).toBeLessThanOrEqual(OPTIONAL_MAX);
  });

  it('have permissive licences, by the lock file as by their own word', () => {
    for (const place of ofProgram) {
      const manifest = new URL(`${place}/package.json`, top);
      const own = existsSync(manifest)
        ? (JSON.parse(readFileSync(manifest, 'utf8')) as { license?: string }).license
        : packages[place]?.license;
      expect(
        [packages[place]?.license, own].filter((license) => !isPermissive(license)),
        place,
      ).toEqual([]);
    }
  });
});

describe('what is read from a lock file', () => {
  it('leaves out the program itself and what only its development needs', () => {
    const locked: LockedPackages = {
      '': {},
      'node_modules/a': {},
      'node_modules/a/node_modules/b': { optional: true },
      'node_modules/c': { dev: true },
      'node_modules/d': { devOptional: true },
    };
    expect(runtimePackages(locked)).toEqual(['node_modules/a', 'node_modules/a/node_modules/b']);
  });

  it.each([
    [{}, true],
    [{ os: ['linux'], cpu: ['x64', 'arm64'] }, true],
    [{ os: ['darwin'], cpu: ['x64'] }, false],
    [{ os: ['linux'], cpu: ['arm64'] }, false],
  ])('says of %j whether it is installed on a platform', (one, isInstalled) => {
    expect(isFor({ os: 'linux', cpu: 'x64' }, one)).toBe(isInstalled);
  });

  it.each([
    ['MIT', true],
    ['(MIT OR WTFPL)', true],
    ['(GPL-3.0-only OR Apache-2.0)', true],
    ['MIT AND ISC', true],
    ['MIT AND GPL-3.0-only', false],
    ['GPL-3.0-only', false],
    ['LGPL-2.1-or-later', false],
    ['Apache-2.0 WITH LLVM-exception', false],
    ['SEE LICENSE IN license.txt', false],
    ['UNLICENSED', false],
    ['', false],
    [undefined, false],
  ])('says of %s whether it is permissive', (expression, permissive) => {
    expect(isPermissive(expression)).toBe(permissive);
  });
});
