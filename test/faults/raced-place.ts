/** The place of a race, with sessions that are to stay whatever happens, and how it has to look afterwards. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { SqliteThreadMap } from '../../src/thread-map/sqlite.ts';
import { Place } from '../support/place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { companionText, filesOf, transcriptOf, transcriptText } from './dispatched-session.ts';
import { integrityFault, trashRuns } from './oracle.ts';
import type { DispatcherReport } from './programs/dispatcher.ts';

/** More than dispatchers ever have expired at once: a daemon does not take most of a tree. */
const YOUNG_SESSIONS = 500;
/** Old ones that a command names, and nobody else. */
const NAMED_SESSIONS = 20;

export class RacedPlace extends Place {
  /** The path of the thread map; empty where there is none. */
  readonly threads: string;
  /** The files of the sessions that stay. */
  readonly staying: readonly string[];
  readonly #sources: readonly string[];

  constructor(directory: string, hasSources: boolean) {
    super(directory);
    const young = Array.from({ length: YOUNG_SESSIONS }, (_, number) => {
      const shape = {
        id: sessionIdOf(number),
        project: `-srv-young-${number % 5}`,
        ageMs: (2 + (number % 20)) * DAY_MS,
      };
      return makeSession(this.claudeDir, shape).files;
    });
    this.threads = hasSources ? join(directory, 'threads.db') : '';
    this.staying = [...young.flat(), ...(hasSources ? this.#nameByCommand() : [])];
    const waiting = { kind: 'command', name: 'waiting', argv: ['/bin/cat', join(directory, 'waiting')] };
    const sources = [{ kind: 'thread-map', name: 'slack', db: this.threads }, waiting];
    this.#sources = hasSources ? ['--sources', JSON.stringify(sources)] : [];
    // Nobody is to find it missing.
    if (hasSources) void SqliteThreadMap.open(this.threads).close();
  }

  override get flags(): readonly string[] {
    return [...super.flags, ...this.#sources];
  }

  /** @returns the files of the sessions that it names */
  #nameByCommand(): readonly string[] {
    const ids = Array.from({ length: NAMED_SESSIONS }, (_, number) => sessionIdOf(YOUNG_SESSIONS + number));
    writeFileSync(join(this.directory, 'waiting'), `${ids.join('\n')}\nend ${ids.length}\n`);
    return ids.flatMap((id) => makeSession(this.claudeDir, { id, project: '-srv-waiting', ageMs: 90 * DAY_MS }).files);
  }
}

/** After the race: each session is in one place, whole; what has a row is where its host left it. */
export function judge(place: RacedPlace, reports: readonly DispatcherReport[]): string[] {
  const { claudeDir, stateDir, threads } = place;
  const runs = trashRuns(claudeDir);
  const faults = place.staying
    .filter((file) => !existsSync(join(claudeDir, file)))
    .map((file) => `${file}, young or named by the command, is gone`);
  for (const report of reports) {
    for (const [id, resumes] of Object.entries(report.resumes))
      faults.push(...sessionFaults(claudeDir, runs, id, resumes));
  }
  const databases = [join(stateDir, 'sessions.db'), ...(threads === '' ? [] : [threads])];
  for (const id of databases.flatMap(liveIds)) {
    if (!existsSync(join(claudeDir, transcriptOf(id)))) faults.push(`session ${id} has a row, and no transcript`);
  }
  return [...faults, ...databases.flatMap((path) => integrityFault(path) ?? [])];
}

function sessionFaults(claudeDir: string, runs: readonly string[], id: string, resumes: number): string[] {
  const faults: string[] = [];
  const homes = filesOf(id).map((file) => {
    const copies = [claudeDir, ...runs].filter((home) => existsSync(join(home, file)));
    if (copies.length !== 1) faults.push(`${file} is there ${copies.length} times`);
    const expected = file === transcriptOf(id) ? transcriptText(id, resumes) : companionText(id);
    for (const home of copies) {
      if (readFileSync(join(home, file), 'utf8') !== expected) faults.push(`${file} is not what its host wrote`);
    }
    return copies[0];
  });
  if (new Set(homes).size > 1) faults.push(`session ${id} is torn: ${homes.join(', ')}`);
  return faults;
}

function liveIds(path: string, index: number): string[] {
  const database = new Database(path, { readonly: true });
  try {
    const table = index === 0 ? 'claude_sdk_sessions' : 'sessions';
    return database.prepare(`SELECT session_id FROM ${table}`).pluck().all() as string[];
  } finally {
    database.close();
  }
}
