/** Reads every import of the source tree, type imports, dynamic imports and lazy requires included, and holds files to the floors and to their length. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/** One file of the tree, with what it imports. */
export interface SourceFile {
  /** Relative to the tree's top, with slashes: `jobs/job.ts`. */
  readonly path: string;
  readonly lines: number;
  /** Files of the tree that it imports, relative to the top; type imports included. */
  readonly imports: readonly string[];
  /** Packages and built-in modules that it imports, by any means. */
  readonly packages: readonly string[];
}

/**
 * The floors of the house, from the top down: a file imports from its own floor and from those below it. A name with an ending is one
 * loose file at the top of the tree.
 */
export const FLOORS: readonly string[] = [
  'main.ts',
  'cli',
  'library',
  'daemon',
  'doctor',
  'runs',
  'ledger',
  'jobs',
  'live-sources',
  'thread-map',
  'resume-map',
  'session-store',
  'trash',
  'scan',
  'claude-dir',
  'config',
  'sqlite',
  'postgres',
  'files',
  'process',
  'log.ts',
  'log-output.ts',
  'errors.ts',
  'exit-codes.ts',
  'clock.ts',
  'format',
];

/** No folder holds more of the code than this: beyond it, it hides more than one subject. */
export const FOLDER_SHARE_MAX = 0.17;

/** A file of more lines is about more than one thing. */
export const FILE_LINES_MAX = 300;

/** Packages that one place wraps for all others: pattern of the importers by package. */
export const IMPORTERS: Readonly<Record<string, RegExp>> = {
  croner: /^daemon\/schedule\.ts$/,
  'prom-client': /^(daemon\/metrics-page|runs\/(figures-registry|textfile))\.ts$/,
  'node:http': /^(daemon\/http(-access)?|live-sources\/configured\/http-answer)\.ts$/,
  'node:https': /^(daemon\/http|live-sources\/configured\/http-answer)\.ts$/,
  commander: /^cli\//,
  'better-sqlite3': /^sqlite\/binding\.ts$/,
  postgres: /^postgres\/driver\.ts$/,
  'node:child_process':
    /^(daemon\/supervisor|process\/(hook|start-program)|runs\/job-in-child|live-sources\/configured\/(bounded-process|query))\.ts$/,
  'node:worker_threads': /^(scan\/|process\/parent-watch(-thread)?\.ts$)/,
};

/** Jobs are given what they work with: they know no database, and neither how runs are recorded, shown nor scheduled. */
const JOBS_KNOW_NOT =
  /^(config\/config|(resume|thread)-map\/(sqlite|schema|import\/.*)|live-sources\/open-sources)\.ts$/;

const IMPORT = /^\s*(?:import|export)\b[^;'"`]*?\bfrom '([^']+)'|^\s*import '([^']+)'|\bimport\('([^']+)'\)/gm;
/** `createRequire(import.meta.url)('x')`, and the same kept in a constant called `load`. */
const LAZY_REQUIRE = /(?:createRequire\([^)]*\)|\bload)\('([^']+)'\)/g;
/** A script that a thread or a process is started with: it is written as the compiled file. */
const SCRIPT = /new URL\('(\.[^']+)\.js', import\.meta\.url\)/g;

/** @param top directory of the tree */
export function readTree(top: string): SourceFile[] {
  const paths = readdirSync(top, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'));
  return paths
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => readSource(path, readFileSync(join(top, path), 'utf8')));
}

/** @param path relative to the tree's top */
export function readSource(path: string, text: string): SourceFile {
  const specifiers = [
    ...Array.from(text.matchAll(IMPORT), ([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? ''),
    ...Array.from(text.matchAll(LAZY_REQUIRE), ([, name]) => name ?? ''),
  ];
  const scripts = Array.from(text.matchAll(SCRIPT), ([, script]) => `${script}.ts`);
  const relative = [...specifiers.filter((specifier) => specifier.startsWith('.')), ...scripts];
  return {
    path,
    lines: text.split('\n').length - 1,
    imports: [...new Set(relative.map((specifier) => posix.normalize(posix.join(dirname(path), specifier))))],
    packages: [...new Set(specifiers.filter((specifier) => !specifier.startsWith('.')).map(packageOf))],
  };
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

/** @returns one sentence a broken rule; empty where the tree keeps them all */
export function brokenRules(files: readonly SourceFile[]): string[] {
  return [
    ...files.flatMap(brokenFloors),
    ...files.flatMap(brokenPurity),
    ...files.flatMap(brokenImporters),
    ...circles(files).map((circle) => `imports go in a circle: ${circle.join(' → ')}`),
    ...oversizedFolders(files),
    ...files.flatMap(brokenLengths),
  ];
}

export function floorOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function heightOf(path: string): number {
  return FLOORS.indexOf(floorOf(path));
}

function brokenFloors({ path, imports }: SourceFile): string[] {
  if (heightOf(path) < 0) return [`${path} stands on no floor`];
  return imports
    .filter((target) => heightOf(target) < heightOf(path))
    .map((target) => `${path} imports upward, from ${target}`);
}

function brokenPurity({ path, imports, packages }: SourceFile): string[] {
  const isPlan = path.endsWith('/plan.ts');
  const impure = isPlan ? packages.map((name) => `${path} decides, and so may not import ${name}`) : [];
  const known = path.startsWith('jobs/') ? imports.filter((target) => JOBS_KNOW_NOT.test(target)) : [];
  return [...impure, ...known.map((target) => `${path} is a job's, and may not know ${target}`)];
}

function brokenImporters({ path, packages }: SourceFile): string[] {
  return packages
    .filter((name) => !(IMPORTERS[name] ?? /./).test(path))
    .map((name) => `${path} imports ${name}, which another place wraps`);
}

/** Each circle once, by depth-first search (Tarjan's strongly connected components). */
export function circles(files: readonly SourceFile[]): string[][] {
  const importsByPath = new Map(files.map(({ path, imports }) => [path, imports]));
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (path: string): number => {
    const number = order.size;
    order.set(path, number);
    stack.push(path);
    let low = number;
    for (const target of importsByPath.get(path) ?? []) {
      if (!order.has(target)) low = Math.min(low, visit(target));
      else if (stack.includes(target)) low = Math.min(low, order.get(target) ?? low);
    }
    lowest.set(path, low);
    if (low === number) {
      const component = stack.splice(stack.indexOf(path));
      if (component.length > 1) found.push(component);
    }
    return low;
  };
  for (const { path } of files) if (!order.has(path)) visit(path);
  return found;
}

function brokenLengths({ path, lines }: SourceFile): string[] {
  return lines > FILE_LINES_MAX ? [`${path} has ${lines} lines, more than one subject is good for`] : [];
}

/** A folder holds its own files; those in the folders below it are other subjects. */
function oversizedFolders(files: readonly SourceFile[]): string[] {
  const total = files.reduce((sum, { lines }) => sum + lines, 0);
  const linesByFolder = new Map<string, number>();
  for (const { path, lines } of files) {
    const folder = dirname(path);
    if (folder !== '.') linesByFolder.set(folder, (linesByFolder.get(folder) ?? 0) + lines);
  }
  return [...linesByFolder]
    .filter(([, lines]) => lines > total * FOLDER_SHARE_MAX)
    .map(([folder, lines]) => {
      return `${folder} holds ${((100 * lines) / total).toFixed(1)} % of the code, more than one subject is good for`;
    });
}
