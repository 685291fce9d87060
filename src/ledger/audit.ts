/**
 * What was done, by whom and why, each entry with the hash of the one before: what is changed, taken out, put in or moved afterwards shows.
 * Whoever can write to the file can write all of it anew; so the last hash is worth keeping somewhere else.
 */

import { type Actor, actorOf, type Requester } from '../process/actor.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';
import { type AuditEntry, type AuditEvent, hashOf, NO_HASH, storable } from './audit-entry.ts';

/** How many entries are kept at the most: some hundred megabytes. */
const ENTRIES_KEPT = 500_000;
const FORGOTTEN_AT_ONCE = 50_000;
const READ_AT_ONCE = 5_000;

/** Where the chain begins and ends. */
interface ChainEnds {
  /** The last entry that is not kept any more; 0 where all are. */
  readonly anchorNumber: number;
  readonly anchorHash: string;
  readonly headNumber: number;
  readonly headHash: string;
}

export type AuditVerdict =
  | {
      readonly isWhole: true;
      readonly entries: number;
      readonly firstNumber: number;
      readonly head: string | undefined;
    }
  /** The first that does not fit, or that is missing. */
  | { readonly isWhole: false; readonly number: number; readonly why: string };

interface StoredEntry extends AuditEvent {
  readonly number: number;
  /** Null where the actor is gone from the file. */
  readonly actor: string | null;
  readonly hash: string;
}

const NO_ENDS: ChainEnds = { anchorNumber: 0, anchorHash: NO_HASH, headNumber: 0, headHash: NO_HASH };

export class Audit {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  readonly #requester: Requester;
  /** A ledger of an older release that is only read has none. */
  readonly #isThere: boolean;
  #actor: string | undefined;

  constructor(database: SqliteDatabase, requester: Requester) {
    this.#database = database;
    this.#statements = new Statements(database);
    this.#requester = requester;
    this.#isThere = guarded(database.name, 'read', () => {
      return database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'audit'`).get() !== undefined;
    });
  }

  /** Within the transaction of whatever it tells of: several processes write, and each entry follows the last of all. */
  append(events: readonly AuditEvent[]): void {
    if (events.length === 0) return;
    if (!this.#database.inTransaction) throw new Error('an audit entry needs the transaction of what it tells of');
    const ends = this.#ends();
    const actor = this.#actorText();
    const actorNumber = this.#numberOf(actor);
    const insert = this.#statements.get('INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    let hash = ends.headHash;
    let number = Math.max(ends.headNumber, this.#lastNumber());
    for (const given of events) {
      const event = storable(given);
      number += 1;
      hash = hashOf(hash, number, event, actor);
      const { atMs, what, subject, place, run, reason, bytes } = event;
      insert.run(number, atMs, what, subject, place, run, reason, bytes, actorNumber, Buffer.from(hash, 'hex'));
    }
    this.#setEnds({ ...ends, headNumber: number, headHash: hash });
  }

  /** The same in a transaction of its own. */
  record(events: readonly AuditEvent[]): void {
    if (events.length === 0) return;
    guarded(this.#database.name, 'record the audit in', () => {
      this.#database.transaction(() => this.append(events)).immediate();
    });
  }

  /** The earliest first, some at a time: each time, nobody is kept waiting for long. */
  *pages(): Generator<readonly AuditEntry[]> {
    let after = 0;
    for (;;) {
      const stored = this.#read(after);
      const last = stored.at(-1);
      if (last === undefined) return;
      yield stored.map((entry) => ({ ...entry, actor: actorIn(entry) }));
      after = last.number;
    }
  }

  /** Computes every hash anew. */
  verify(): AuditVerdict {
    if (!this.#isThere) return { isWhole: true, entries: 0, firstNumber: 1, head: undefined };
    return guarded(this.#database.name, 'verify', () => this.#database.transaction(() => this.#verify())());
  }

  /** Whether it holds the entry of a hash, or has forgotten it as the last so far. */
  has(hash: string): boolean {
    if (!this.#isThere) return false;
    return guarded(this.#database.name, 'read', () => {
      const bytes = Buffer.from(hash, 'hex');
      const isKept = this.#statements.get('SELECT 1 FROM audit WHERE hash = ?').get(bytes) !== undefined;
      return isKept || this.#ends().anchorHash === hash;
    });
  }

  #verify(): AuditVerdict {
    const { anchorNumber, anchorHash, headNumber, headHash } = this.#ends();
    let [number, hash] = [anchorNumber, anchorHash];
    for (let stored = this.#read(0); stored.length > 0; stored = this.#read(number)) {
      for (const entry of stored) {
        const fault = faultOf(entry, number, hash);
        if (fault !== undefined) return { isWhole: false, ...fault };
        ({ number, hash } = entry);
      }
    }
    if (number === headNumber && hash === headHash) {
      const head = number === 0 ? undefined : hash;
      return { isWhole: true, entries: number - anchorNumber, firstNumber: anchorNumber + 1, head };
    }
    const [why, at] =
      number < headNumber
        ? [`the last entries are gone: the chain went on to entry ${headNumber}`, number + 1]
        : ['it is none of this program’s: the chain had ended before it', Math.max(number, 1)];
    return { isWhole: false, number: at, why };
  }

  /** The oldest, a part at a time. What is left fits the last that went. */
  forget(untilMs: number): void {
    const ends = this.#ends();
    const keptNumber = this.#statements
      .get('SELECT number FROM audit WHERE at >= ? ORDER BY number LIMIT 1')
      .pluck()
      .get(untilMs);
    const byAge = typeof keptNumber === 'number' ? keptNumber - 1 : ends.headNumber;
    const last = Math.min(
      Math.max(byAge, ends.headNumber - ENTRIES_KEPT),
      ends.headNumber,
      ends.anchorNumber + FORGOTTEN_AT_ONCE,
    );
    const hash = this.#statements.get('SELECT hex(hash) FROM audit WHERE number = ?').pluck().get(last);
    // Where that entry is gone, somebody took it out: to forget more would hide where.
    if (last <= ends.anchorNumber || typeof hash !== 'string') return;
    this.#statements.get('DELETE FROM audit WHERE number <= ?').run(last);
    this.#setEnds({ ...ends, anchorNumber: last, anchorHash: hash.toLowerCase() });
  }

  #read(after: number): readonly StoredEntry[] {
    if (!this.#isThere) return [];
    return guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get(
          `SELECT number, at AS atMs, what, subject, place, run, reason, bytes, actors.actor AS actor, lower(hex(hash)) AS hash
           FROM audit LEFT JOIN actors ON actors.id = audit.actor WHERE number > ? ORDER BY number LIMIT ${READ_AT_ONCE}`,
        )
        .all(after) as StoredEntry[];
    });
  }

  /** Where somebody took the row out that tells the ends, writing goes on after what is there. */
  #ends(): ChainEnds {
    const ends = this.#statements
      .get(
        `SELECT anchor_number AS anchorNumber, anchor_hash AS anchorHash, head_number AS headNumber, head_hash AS headHash
         FROM audit_ends WHERE id = 1`,
      )
      .get() as ChainEnds | undefined;
    return ends ?? NO_ENDS;
  }

  #setEnds({ anchorNumber, anchorHash, headNumber, headHash }: ChainEnds): void {
    this.#statements
      .get('INSERT OR REPLACE INTO audit_ends VALUES (1, ?, ?, ?, ?)')
      .run(anchorNumber, anchorHash, headNumber, headHash);
  }

  #lastNumber(): number {
    return this.#statements.get('SELECT coalesce(max(number), 0) FROM audit').pluck().get() as number;
  }

  #actorText(): string {
    this.#actor ??= JSON.stringify(actorOf(this.#requester)).toWellFormed();
    return this.#actor;
  }

  #numberOf(actor: string): number {
    this.#statements.get('INSERT OR IGNORE INTO actors (actor) VALUES (?)').run(actor);
    return this.#statements.get('SELECT id FROM actors WHERE actor = ?').pluck().get(actor) as number;
  }
}

function faultOf(entry: StoredEntry, before: number, hashBefore: string): { number: number; why: string } | undefined {
  const expected = before + 1;
  if (entry.number < expected) return { number: entry.number, why: 'it stands before the first that is kept' };
  if (entry.number > expected) {
    const last = entry.number - 1;
    const which = last === expected ? 'it is' : `they are, up to entry ${last},`;
    return { number: expected, why: `${which} not there` };
  }
  if (entry.actor === null) return { number: entry.number, why: 'who did it is not there any more' };
  if (hashOf(hashBefore, entry.number, entry, entry.actor) === entry.hash) return undefined;
  return { number: entry.number, why: 'it was changed, moved or put in after it was written' };
}

function actorIn({ actor }: StoredEntry): Actor {
  const nobody: Actor = { by: 'code', command: '', uid: -1, user: null, host: '', version: '' };
  try {
    return { ...nobody, ...(JSON.parse(actor ?? '{}') as Partial<Actor>) };
  } catch {
    // Somebody has written into the file; verify tells where.
    return nobody;
  }
}
