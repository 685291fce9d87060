import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { brokenRules, circles, FILE_LINES_MAX, IMPORTERS, readSource, readTree, type SourceFile } from './imports.ts';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** A tree in which every floor is small, so that the shares of folders break no rule. */
function treeOf(...files: readonly SourceFile[]): SourceFile[] {
  const FILLERS = ['cli', 'library', 'daemon', 'doctor', 'runs', 'ledger', 'trash', 'scan', 'sqlite', 'process'];
  return [...FILLERS.flatMap((floor) => folderOf(floor, 1_000)), ...files];
}

/** So many lines, in files that are short enough. */
function folderOf(folder: string, lines: number): SourceFile[] {
  const FILE_LINES = 250;
  return Array.from({ length: lines / FILE_LINES }, (_, number) => {
    return readSource(`${folder}/filler-${number}.ts`, '\n'.repeat(FILE_LINES));
  });
}

describe('the imports of the source tree', () => {
  it('break no rule', () => {
    expect(brokenRules(readTree(SRC))).toEqual([]);
  });

  it('are all seen: as many as lines that say so', () => {
    for (const { path, imports, packages } of readTree(SRC)) {
      const text = readFileSync(`${SRC}/${path}`, 'utf8');
      const named = new Set(Array.from(text.matchAll(/\bfrom '([^']+)';$/gm), ([, name]) => name));
      expect(imports.length + packages.length, path).toBeGreaterThanOrEqual(named.size);
    }
  });

  it('name packages that are declared, or are built into the program', () => {
    const { dependencies, optionalDependencies, devDependencies } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as Record<string, Record<string, string>>;
    const bundled = JSON.parse(
      readFileSync(new URL('../../scripts/bundled-packages.json', import.meta.url), 'utf8'),
    ) as string[];
    for (const name of bundled) expect(devDependencies).toHaveProperty(name);
    const declared = { ...dependencies, ...optionalDependencies, ...Object.fromEntries(bundled.map((name) => [name])) };
    const used = new Set(readTree(SRC).flatMap(({ packages }) => packages));
    expect([...used].filter((name) => !name.startsWith('node:') && !(name in declared))).toEqual([]);
    expect(Object.keys(declared).filter((name) => !used.has(name))).toEqual([]);
    expect(Object.keys(IMPORTERS).filter((name) => !used.has(name))).toEqual([]);
  });
});

describe('the rules of imports', () => {
  it('find nothing in a tree that keeps them', () => {
    const job = readSource('jobs/job.ts', "import type { X } from '../errors.ts';\n");
    expect(brokenRules(treeOf(job, readSource('errors.ts', '\n')))).toEqual([]);
  });

  it.each([
    ['a value', "import { run } from '../cli/run.ts';"],
    ['a type', "import type { Run } from '../cli/run.ts';"],
    ['a type over several lines', "import {\n  type Run,\n} from '../cli/run.ts';"],
    ['an export', "export { run } from '../cli/run.ts';"],
    ['a dynamic import', "const { run } = await import('../cli/run.ts');"],
    ['a script', "const script = new URL('../cli/run.js', import.meta.url);"],
  ])('find an import upward: %s', (_, text) => {
    expect(brokenRules(treeOf(readSource('jobs/job.ts', `${text}\n`)))).toEqual([
      'jobs/job.ts imports upward, from cli/run.ts',
    ]);
  });

  it.each([
    ['an import', "import { Cron } from 'croner';"],
    ['a type', "import type { Cron } from 'croner';"],
    ['a require', "const { Cron } = createRequire(import.meta.url)('croner') as typeof import('croner');"],
    ['a require under a name', "const { Cron } = load('croner') as typeof import('croner');"],
  ])('find a package that another place wraps: %s', (_, text) => {
    expect(brokenRules(treeOf(readSource('jobs/job.ts', `${text}\n`)))).toEqual([
      'jobs/job.ts imports croner, which another place wraps',
    ]);
  });

  it('find a plan that does not only decide', () => {
    const plan = readSource('jobs/prune/plan.ts', "import { statSync } from 'node:fs';\n");
    expect(brokenRules(treeOf(plan))).toEqual(['jobs/prune/plan.ts decides, and so may not import node:fs']);
  });

  it('find a job that knows a database', () => {
    const job = readSource('jobs/job.ts', "import type { Map } from '../resume-map/sqlite.ts';\n");
    expect(brokenRules(treeOf(job))).toEqual(["jobs/job.ts is a job's, and may not know resume-map/sqlite.ts"]);
  });

  it('find a file that stands on no floor', () => {
    expect(brokenRules(treeOf(readSource('utils/all.ts', '\n')))).toEqual(['utils/all.ts stands on no floor']);
  });

  it('find a circle, of types too', () => {
    const files = [
      readSource('jobs/a.ts', "import type { B } from './b.ts';\n"),
      readSource('jobs/b.ts', "import { c } from './c.ts';\n"),
      readSource('jobs/c.ts', "import type { A } from './a.ts';\n"),
    ];
    expect(circles(files)).toHaveLength(1);
    expect(circles(files.slice(0, 2))).toEqual([]);
  });

  it('find a folder that holds too much', () => {
    expect(brokenRules(treeOf(...folderOf('jobs', 5_000)))).toEqual([
      'jobs holds 33.3 % of the code, more than one subject is good for',
    ]);
  });

  it('find a file that is longer than one subject', () => {
    expect(brokenRules(treeOf(readSource('jobs/job.ts', '\n'.repeat(FILE_LINES_MAX))))).toEqual([]);
    expect(brokenRules(treeOf(readSource('jobs/job.ts', '\n'.repeat(FILE_LINES_MAX + 1))))).toEqual([
      'jobs/job.ts has 301 lines, more than one subject is good for',
    ]);
  });
});
