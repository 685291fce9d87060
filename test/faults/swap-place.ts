/** The place that the swap harness works in, and the oracle over it: what must not change, and what must not get lost. */

import { cpSync, lchownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { differences, type Fingerprint, fingerprintOf, type Traces, tracesOf } from '../support/disk.ts';
import { freshDirectory, Place } from '../support/place.ts';
import { runProgram } from '../support/process.ts';
import { DAY_MS, type MadeSession, makeTree } from '../support/tree.ts';

export const TRASH = 'session-sweeper/trash';
export const RUN_LOCK = 'session-sweeper/run.lock';
export const PRUNE = ['--run-now', '--allow-mass-removal', '--job', 'prune-transcripts'];

const LIVE_SESSIONS = 10;
/** Nobody's id. A worker that runs as root gives what it makes to the owner of the Claude directory. */
const OWNER = 4_242;

export interface AttackedPlace extends Place {
  /** Where the symlinks lead: the same names, all as old, and in its trash the same run. */
  readonly outside: string;
  /** Another Claude directory, of which another run holds the lock all the time. */
  readonly held: string;
  /** Another `projects/`: what lies in it may be pruned while it is swapped in. */
  readonly decoy: string;
  readonly stage: string;
  /** The run that lies in the trash from the beginning. */
  readonly trashed: string;
  /** Old, and no live source names them: they lie in the trash at the beginning. */
  readonly removable: readonly string[];
  close(): void;
}

export interface PlaceOptions {
  readonly sessions: number;
  readonly seed: number;
  readonly isOwnedByOther: boolean;
}

export const common = (place: Place): readonly string[] => [
  ...place.flags,
  '--sessions-db',
  databaseOf(place),
  '--json',
];

function databaseOf({ stateDir }: Place): string {
  return join(stateDir, 'host.db');
}

export async function makePlace(directory: string, options: PlaceOptions): Promise<AttackedPlace> {
  const place = new Place(directory);
  const { claudeDir } = place;
  const [outside, held, decoy] = ['outside', 'held', 'decoy'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const stage = freshDirectory(directory, 'stage');
  freshDirectory(directory, 'state');
  const sessions = makeTree(claudeDir, options);
  copyTree(claudeDir, outside);
  copyTree(claudeDir, held);
  copyTree(join(claudeDir, 'projects'), decoy);
  if (options.isOwnedByOther) for (const one of [claudeDir, outside, held, decoy]) giveAway(one);
  const old = sessions.filter(isOld).map(({ id }) => id);
  makeDatabase(place);
  addRecords(place, old.slice(0, LIVE_SESSIONS));
  const { code, stderr } = await runProgram([...common(place), ...PRUNE]);
  const [trashed] = code === 0 ? readdirSync(join(claudeDir, TRASH)) : [];
  if (trashed === undefined) throw new Error(`the first prune ended with ${code}: ${stderr}`);
  for (const copy of [outside, held]) copyTree(join(claudeDir, 'session-sweeper'), join(copy, 'session-sweeper'));
  makeTouchy(join(outside, RUN_LOCK));
  const lock = holdLock(join(held, RUN_LOCK));
  const removable = old.slice(LIVE_SESSIONS);
  return Object.assign(place, { outside, held, decoy, stage, trashed, removable, close: () => lock.close() });
}

function isOld(session: MadeSession): boolean {
  return Date.now() - session.mtimeMs > 30 * DAY_MS;
}

function copyTree(from: string, to: string): void {
  cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}

function giveAway(directory: string): void {
  lchownSync(directory, OWNER, OWNER);
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    lchownSync(join(directory, path), OWNER, OWNER);
  }
}

/** As a host has it. */
function makeDatabase(place: Place): void {
  const database = new Database(databaseOf(place));
  database.exec(
    'CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id TEXT NOT NULL, last_used_at INTEGER NOT NULL, created_at INTEGER NOT NULL)',
  );
  database.close();
}

/** Makes sessions live from now on. */
export function addRecords(place: Place, ids: readonly string[]): void {
  const database = new Database(databaseOf(place));
  try {
    const insert = database.prepare('INSERT OR IGNORE INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
    for (const id of ids) insert.run(`forgejo:a:acme/live:${id}`, id, Date.now(), Date.now());
  } finally {
    database.close();
  }
}

/** A database that changes as soon as anyone sets its journal mode, and that has side files as long as anyone uses it. */
function makeTouchy(path: string): void {
  const database = new Database(path);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE other (value)');
  database.close();
}

function holdLock(path: string): { close(): void } {
  const database = new Database(path);
  database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  return database;
}

const SESSION_ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** Tells after every run what is not as it must be. */
export class Watch {
  readonly #place: AttackedPlace;
  readonly #files: Traces;
  readonly #removable: ReadonlySet<string>;
  #outside: Fingerprint;
  #held: Fingerprint;

  constructor(place: AttackedPlace) {
    this.#place = place;
    this.#removable = new Set(place.removable);
    this.#files = this.#trace();
    this.#outside = fingerprintOf(place.outside);
    this.#held = fingerprintOf(place.held);
  }

  /** @param destroyed the sessions of which files may be gone */
  judge(destroyed: ReadonlySet<string>): string[] {
    const outside = fingerprintOf(this.#place.outside);
    const held = fingerprintOf(this.#place.held);
    const faults = [
      ...differences(this.#outside, outside).map((fault) => `outside: ${fault}`),
      ...differences(this.#held, held).map((fault) => `the directory with a lock: ${fault}`),
      ...this.#lostFaults(destroyed),
    ];
    [this.#outside, this.#held] = [outside, held];
    return faults;
  }

  #trace(): Traces {
    return tracesOf([this.#place.claudeDir, this.#place.decoy, this.#place.stage]);
  }

  #lostFaults(destroyed: ReadonlySet<string>): string[] {
    const now = this.#trace();
    const faults: string[] = [];
    for (const [inode, { paths, mtimeNs, content }] of this.#files) {
      const [path = ''] = paths;
      // The worker's own.
      if (/\/session-sweeper\/(.*(manifest\.jsonl|\.lock)|last-scan\.json)$/.test(path)) continue;
      const id = SESSION_ID.exec(path)?.[0] ?? '';
      const found = now.get(inode);
      // Its own files the worker may make younger, to keep them from Claude's own clean-up.
      if (found === undefined || found.content !== content || found.mtimeNs < mtimeNs) {
        if (!destroyed.has(id)) faults.push(`${path} is ${found === undefined ? 'lost' : 'changed'}`);
      } else if (!this.#removable.has(id) && found.paths.join() !== path) {
        // What may be removed may also be there twice: the attacker puts things back, even where they have a new name by now.
        faults.push(`${path} is at ${found.paths.join(', ')}`);
      }
    }
    return faults;
  }
}
