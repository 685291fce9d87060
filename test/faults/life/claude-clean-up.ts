/** Claude's own clean-up, as it was observed: once a day at a start, by the times of files alone, whoever wants them, and without a trash. */

import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '../../support/tree.ts';

const PERIOD_MS = 30 * DAY_MS;
const LAST_CLEANUP = '.last-cleanup';
/** Judged by the time of the directory of each session. */
const BY_DIRECTORY = ['file-history', 'session-env'];

/** @returns what it has deleted, below the Claude directory; undefined where it is not yet time for it */
export function claudeCleanUp(claudeDir: string, wallMs: number): ReadonlySet<string> | undefined {
  const last = join(claudeDir, LAST_CLEANUP);
  const lastMs = statSync(last, { throwIfNoEntry: false })?.mtimeMs ?? Number.NEGATIVE_INFINITY;
  if (lastMs <= wallMs && wallMs - lastMs < DAY_MS) return undefined;
  writeFileSync(last, '');
  utimesSync(last, wallMs / 1_000, wallMs / 1_000);
  const deleted = new Set<string>();
  const isOld = (path: string) => statSync(join(claudeDir, path)).mtimeMs < wallMs - PERIOD_MS;
  const destroy = (path: string) => {
    deleted.add(path);
    rmSync(join(claudeDir, path));
  };
  for (const project of entriesOf(claudeDir, 'projects')) {
    for (const path of entriesOf(claudeDir, project)) {
      if (path.endsWith('.jsonl')) {
        if (isOld(path) && !isDesktop(join(claudeDir, path))) destroy(path);
      } else if (statSync(join(claudeDir, path)).isDirectory()) cleanCompanions(claudeDir, path, isOld, destroy);
    }
  }
  for (const directory of BY_DIRECTORY.flatMap((name) => entriesOf(claudeDir, name))) {
    if (!isOld(directory)) continue;
    for (const path of entriesOf(claudeDir, directory)) deleted.add(path);
    rmSync(join(claudeDir, directory), { recursive: true });
  }
  return deleted;
}

function cleanCompanions(
  claudeDir: string,
  directory: string,
  isOld: (path: string) => boolean,
  destroy: (path: string) => void,
): void {
  for (const kind of ['subagents', 'tool-results']) {
    const paths = entriesOf(claudeDir, `${directory}/${kind}`);
    for (const path of paths) if (isOld(path)) destroy(path);
    removeIfEmpty(join(claudeDir, directory, kind));
  }
  removeIfEmpty(join(claudeDir, directory));
}

function removeIfEmpty(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  if (readdirSync(directory).length === 0) rmdirSync(directory);
}

function entriesOf(claudeDir: string, directory: string): string[] {
  const path = join(claudeDir, directory);
  return existsSync(path) && statSync(path).isDirectory()
    ? readdirSync(path).map((name) => `${directory}/${name}`)
    : [];
}

/** Those of Desktop it spares for good. */
function isDesktop(path: string): boolean {
  return readFileSync(path, 'utf8').includes('"entrypoint":"claude-desktop"');
}
