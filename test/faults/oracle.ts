/** Judges a tree after whatever happened to it, with plain node:fs and SQL and nothing of the program's own. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type FileState, type Files, stateOf } from '../support/disk.ts';
import type { MadeSession } from '../support/tree.ts';

export type Whereabouts = 'here' | 'trashed' | 'gone';

/** What files look like, by path below the Claude directory. */
export type Prints = Files;

/** What the files of the sessions look like before anything happens to them. */
export function printsOf(claudeDir: string, sessions: readonly MadeSession[]): Prints {
  return new Map(sessions.flatMap(({ files }) => files.map((file) => [file, stateOf(join(claudeDir, file))] as const)));
}

export interface Shielded {
  readonly ids: ReadonlySet<string>;
  /** The latest time that they can have been given, Unix epoch ms. */
  readonly latestMs: number;
}

const NOTHING_SHIELDED: Shielded = { ids: new Set(), latestMs: 0 };
const NS_PER_MS = 1_000_000;

export function trashRuns(claudeDir: string): string[] {
  const trash = join(claudeDir, 'session-sweeper/trash');
  return existsSync(trash) ? readdirSync(trash).map((run) => join(trash, run)) : [];
}

/**
 * Where each session is, and one sentence for everything that is wrong with it: a file that is there twice, or changed, or
 * a unit of which a part is elsewhere.
 * @param shielded the sessions whose files may have been made younger, to keep them from Claude's own clean-up
 */
export function locate(
  claudeDir: string,
  sessions: readonly MadeSession[],
  prints: Prints,
  shielded: Shielded = NOTHING_SHIELDED,
): { readonly places: ReadonlyMap<string, Whereabouts>; readonly faults: readonly string[] } {
  const runs = trashRuns(claudeDir);
  const faults: string[] = [];
  const places = new Map<string, Whereabouts>();
  for (const { id, files } of sessions) {
    const ofFiles = files.map((file): Whereabouts => {
      const here = join(claudeDir, file);
      const copies = [here, ...runs.map((run) => join(run, file))].filter((path) => existsSync(path));
      if (copies.length > 1) faults.push(`${file} is there ${copies.length} times`);
      for (const copy of copies) {
        const [now, before] = [stateOf(copy), prints.get(file)];
        if (now.hash !== before?.hash) faults.push(`${file} is not what it was`);
        if (now.mtimeNs !== before?.mtimeNs && !(shielded.ids.has(id) && isBetween(now, before, shielded.latestMs)))
          faults.push(`${file} has another time than before`);
      }
      return copies.includes(here) ? 'here' : copies.length > 0 ? 'trashed' : 'gone';
    });
    const [place = 'gone'] = ofFiles;
    if (ofFiles.some((other) => other !== place))
      faults.push(`session ${id} is torn: ${[...new Set(ofFiles)].join(', ')}`);
    places.set(id, place);
  }
  return { places, faults };
}

function isBetween({ mtimeNs }: FileState, earliest: FileState | undefined, latestMs: number): boolean {
  return mtimeNs > (earliest?.mtimeNs ?? 0n) && Number(mtimeNs) / NS_PER_MS <= latestMs;
}

/** Files of the sessions that are neither in the Claude directory nor in its trash. */
export function missingFiles(claudeDir: string, sessions: readonly MadeSession[]): string[] {
  const roots = [claudeDir, ...trashRuns(claudeDir)];
  return sessions.flatMap(({ files }) => files.filter((file) => !roots.some((root) => existsSync(join(root, file)))));
}

/** Files that no finished run leaves behind. */
export function leftOvers(stateDir: string): string[] {
  const names = existsSync(stateDir) ? readdirSync(stateDir) : [];
  return names.filter((name) => name.includes('.new-'));
}

export function integrityFault(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  let database: Database.Database | undefined;
  try {
    database = new Database(path);
    const verdict = database.pragma('integrity_check', { simple: true });
    return verdict === 'ok' ? undefined : `${path}: ${String(verdict)}`;
  } catch (error) {
    return `${path}: ${String(error)}`;
  } finally {
    database?.close();
  }
}
