/** Reads from the lock file which packages an installed program is made of, and under which licences. */

export interface LockedPackage {
  readonly version?: string;
  /** An SPDX expression. */
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  /** Platforms that it is built for; absent where it is for all. */
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

/** By the place in the tree: `node_modules/a/node_modules/b`; the empty one is the program itself. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

export interface Platform {
  readonly os: string;
  readonly cpu: string;
}

/** Those that ask for no more than their notice to be kept. */
const PERMISSIVE: readonly string[] = [
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'Apache-2.0',
  'Python-2.0',
  'CC0-1.0',
  'BlueOak-1.0.0',
  'Unlicense',
];

/** @returns the places of all packages that `npm install --omit=dev` brings, optional ones for every platform included */
export function runtimePackages(packages: LockedPackages): string[] {
  return Object.entries(packages)
    .filter(([place, { dev, devOptional }]) => place !== '' && !dev && !devOptional)
    .map(([place]) => place);
}

/** Whether npm would install it there. */
export function isFor({ os, cpu }: Platform, one: LockedPackage): boolean {
  return (one.os?.includes(os) ?? true) && (one.cpu?.includes(cpu) ?? true);
}

/** @param expression SPDX, without exceptions (`WITH`): of licences joined by OR one is enough, of those joined by AND all are needed */
export function isPermissive(expression: string | undefined): boolean {
  if (expression === undefined) return false;
  const alternatives = expression.replaceAll(/[()]/g, '').split(' OR ');
  return alternatives.some((alternative) => alternative.split(' AND ').every((name) => PERMISSIVE.includes(name)));
}
