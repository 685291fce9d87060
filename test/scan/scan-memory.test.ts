import { mkdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownName } from '../../src/files/byte-name.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { ROW_BYTES, WORD, writeId } from '../../src/scan/part-records.ts';
import { Recollection } from '../../src/scan/recollection.ts';
import { checksumOf, type RememberedDirectory, type ScanMemory } from '../../src/scan/scan-memory.ts';
import { openClaudeDir } from '../support/opened.ts';
import { type Scanned, scanned } from '../support/scanned.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';

const PROJECT = 'projects/-srv-app';
const RETENTION_MS = 30 * DAY_MS;
const [YOUNG, OLD, ACTIVE] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;
/** Directories were made just now: whatever is asked a minute later finds them settled. */
const MINUTE_MS = 60_000;

class Host {
  readonly path = makeClaudeDir(tempDir());
  readonly memory: ScanMemory = Ledger.open(tempDir()).scanMemory;
  readonly nowMs = Date.now() + MINUTE_MS;

  constructor() {
    makeSession(this.path, { id: YOUNG, ageMs: 10 * DAY_MS, companions: ['tool-results/1.txt'] }, this.nowMs);
    makeSession(this.path, { id: OLD, ageMs: 40 * DAY_MS, elsewhere: [`file-history/${OLD}/a@v1`] }, this.nowMs);
    makeSession(this.path, { id: ACTIVE, ageMs: DAY_MS }, this.nowMs);
  }

  at(relative: string): string {
    return join(this.path, relative);
  }

  scan({ afterMs = 0, isReadOnly = false } = {}): Scanned {
    const nowMs = this.nowMs + afterMs;
    const trust = { fromMtimeMs: nowMs - RETENTION_MS, nowMs };
    return scanned(openClaudeDir(this.path), { memory: { memory: this.memory, trust, isReadOnly } });
  }

  /** Changes a file in place: its directory tells nothing of it. */
  grow(relative: string): void {
    writeAged(this.at(relative), 'x'.repeat(1_000), this.nowMs - 5 * DAY_MS);
  }

  bytesOf(id: string, options = {}): number | undefined {
    return this.scan(options).units.find(({ sessionId }) => sessionId === id)?.bytes;
  }
}

function rememberedIn(host: Host, directory: string) {
  const known = host.memory.remembered(host.path).get(directory);
  if (known === undefined) throw new Error(`${directory} is not remembered`);
  return known;
}

/** A copy. */
function rowsOf(host: Host, directory: string): Uint8Array {
  return new Uint8Array(host.memory.rows(host.path, directory) ?? []);
}

function checked(directory: string, known: Omit<RememberedDirectory, 'checksum'>): RememberedDirectory {
  return { ...known, checksum: checksumOf(directory, known) };
}

function inOrder({ units, ...result }: Scanned): Scanned {
  return { ...result, units: units.toSorted((left, right) => (left.sessionId < right.sessionId ? -1 : 1)) };
}

describe('a scan that remembers', () => {
  it('finds what one without a memory finds, the first time and the next', () => {
    const host = new Host();
    const expected = inOrder(scanned(openClaudeDir(host.path)));
    for (const _ of ['first', 'next', 'third']) expect(inOrder(host.scan())).toEqual(expected);
  });

  it('does not look again at what is too young to go', () => {
    const host = new Host();
    const before = [host.bytesOf(YOUNG), host.bytesOf(OLD), host.bytesOf(ACTIVE)];
    for (const id of [YOUNG, OLD, ACTIVE]) host.grow(`${PROJECT}/${id}.jsonl`);
    expect(host.bytesOf(YOUNG)).toBe(before[0]);
    // What may have to go, and what is being written to.
    expect(host.bytesOf(OLD)).toBeGreaterThan(before[1] ?? 0);
    expect(host.bytesOf(ACTIVE)).toBeGreaterThan(before[2] ?? 0);
  });

  it('looks at it when its time may have come', () => {
    const host = new Host();
    const before = host.bytesOf(YOUNG);
    host.grow(`${PROJECT}/${YOUNG}.jsonl`);
    expect(host.bytesOf(YOUNG, { afterMs: 6 * DAY_MS })).toBe(before);
    expect(host.bytesOf(YOUNG, { afterMs: 7 * DAY_MS })).toBeGreaterThan(before ?? 0);
  });

  it.each([
    {
      what: 'a new session',
      change: (host: Host) => makeSession(host.path, { id: sessionIdOf(4), ageMs: 40 * DAY_MS }, host.nowMs),
    },
    { what: 'a session less', change: (host: Host) => rmSync(host.at(`${PROJECT}/${OLD}.jsonl`)) },
    { what: 'a young session less', change: (host: Host) => rmSync(host.at(`${PROJECT}/${YOUNG}.jsonl`)) },
    {
      what: 'a new project with a session that is known elsewhere',
      change: (host: Host) => {
        mkdirSync(host.at('projects/-srv-other'));
        writeAged(host.at(`projects/-srv-other/${YOUNG}.jsonl`), 'x', host.nowMs - 40 * DAY_MS);
      },
    },
    { what: 'a project less', change: (host: Host) => rmSync(host.at(PROJECT), { recursive: true }) },
    { what: 'no companions any more', change: (host: Host) => rmSync(host.at('file-history'), { recursive: true }) },
    {
      what: 'a symlink in place of a transcript',
      change: (host: Host) => {
        rmSync(host.at(`${PROJECT}/${YOUNG}.jsonl`));
        symlinkSync('elsewhere', host.at(`${PROJECT}/${YOUNG}.jsonl`));
      },
    },
    {
      what: 'another directory in place of the project',
      change: (host: Host) => {
        rmSync(host.at(PROJECT), { recursive: true });
        makeSession(host.path, { id: YOUNG, ageMs: 40 * DAY_MS }, host.nowMs);
      },
    },
  ])('sees $what at once', ({ change }) => {
    const host = new Host();
    host.scan();
    host.scan();
    change(host);
    const ids = (result: Scanned) =>
      result.units.map(({ sessionId, doubt, hasTranscript }) => `${sessionId} ${doubt} ${hasTranscript}`).sort();
    const expected = ids(scanned(openClaudeDir(host.path)));
    expect(ids(host.scan())).toEqual(expected);
    expect(ids(host.scan())).toEqual(expected);
  });

  it('believes nothing of a directory that was changed in the moment of the look', () => {
    const host = new Host();
    const justNow = Date.now() - host.nowMs;
    host.scan({ afterMs: justNow });
    const stamp = new Date(host.nowMs - 3 * DAY_MS);
    makeSession(host.path, { id: sessionIdOf(5), ageMs: 40 * DAY_MS }, host.nowMs);
    utimesSync(host.at(PROJECT), stamp, stamp);
    expect(host.scan().units.map(({ sessionId }) => sessionId)).toContain(sessionIdOf(5));
  });

  it('keeps nothing of a directory that was not there at that moment: it may be back, and look as before', () => {
    const host = new Host();
    const trust = { fromMtimeMs: host.nowMs - RETENTION_MS, nowMs: host.nowMs };
    const claudeDir = openClaudeDir(host.path);
    const noted = (isThere: boolean) => {
      const recollection = new Recollection({ memory: host.memory, trust, isReadOnly: false }, host.path);
      recollection.knows(PROJECT, claudeDir.projects.lstat(ownName('-srv-app')));
      const found = { directory: PROJECT, shares: 1, project: 0, buffer: new ArrayBuffer(0), count: 0, faults: [] };
      recollection.note({ ...found, isRead: true, isThere });
      recollection.end();
      return [...host.memory.remembered(host.path).keys()];
    };
    expect(noted(false)).toEqual([]);
    expect(noted(true)).toEqual([PROJECT]);
  });

  it('keeps nothing of places that are not there', () => {
    const host = new Host();
    host.scan();
    expect([...host.memory.remembered(host.path).keys()].sort()).toEqual(['file-history', PROJECT]);
  });

  it('writes nothing down where it only looks', () => {
    const host = new Host();
    host.scan({ isReadOnly: true });
    expect(host.memory.remembered(host.path).size).toBe(0);
    host.scan();
    const after = host.memory.remembered(host.path);
    expect([...after.keys()]).toEqual(expect.arrayContaining([PROJECT, 'file-history']));
    rmSync(host.at(PROJECT), { recursive: true });
    host.scan({ isReadOnly: true });
    expect(host.memory.remembered(host.path)).toEqual(after);
    host.scan();
    expect([...host.memory.remembered(host.path).keys()]).not.toContain(PROJECT);
  });

  it('looks again at whatever it doubts', () => {
    const host = new Host();
    host.scan();
    symlinkSync('loop', host.at(`${PROJECT}/${sessionIdOf(6)}`));
    const { units } = host.scan();
    expect(units.find(({ sessionId }) => sessionId === sessionIdOf(6))?.doubt).toBe('unrecognised');
    expect(host.scan().units.find(({ sessionId }) => sessionId === sessionIdOf(6))?.doubt).toBe('unrecognised');
  });

  it('finds the same run after run of what is not what its name says', () => {
    const host = new Host();
    writeAged(host.at(`${PROJECT}/${sessionIdOf(6)}`), '', host.nowMs - 40 * DAY_MS);
    mkdirSync(host.at(`${PROJECT}/${sessionIdOf(7)}.jsonl`));
    const expected = inOrder(scanned(openClaudeDir(host.path)));
    for (const _ of ['first', 'next', 'third']) expect(inOrder(host.scan())).toEqual(expected);
  });

  it('looks into a directory that was empty', () => {
    const host = new Host();
    mkdirSync(host.at(`session-env/${OLD}`), { recursive: true });
    const stamp = new Date(host.nowMs - 10 * DAY_MS);
    utimesSync(host.at(`session-env/${OLD}`), stamp, stamp);
    host.scan();
    writeAged(host.at(`session-env/${OLD}/a`), 'x', host.nowMs - 3 * DAY_MS);
    expect(inOrder(host.scan())).toEqual(inOrder(scanned(openClaudeDir(host.path))));
  });

  it('looks at all where what is known of a directory is not what is in it', () => {
    const host = new Host();
    host.scan();
    const known = rememberedIn(host, 'file-history');
    const rows = rowsOf(host, 'file-history');
    writeId(sessionIdOf(8), new Uint32Array(rows.buffer), WORD.id);
    host.memory.remember(host.path, new Map([['file-history', checked('file-history', { ...known, rows })]]));
    expect(inOrder(host.scan())).toEqual(inOrder(scanned(openClaudeDir(host.path))));
  });

  it.each([
    { what: 'cut off', spoilt: (rows: Uint8Array) => rows.slice(0, 47) },
    { what: 'a row short', spoilt: (rows: Uint8Array) => rows.slice(ROW_BYTES) },
    { what: 'empty', spoilt: () => new Uint8Array(0) },
    { what: 'made of nothing', spoilt: () => new Uint8Array(480) },
    { what: 'wrong by a bit', spoilt: (rows: Uint8Array) => rows.map((byte, at) => (at === 16 ? byte ^ 1 : byte)) },
  ])('finds all sessions where the memory is $what', ({ spoilt }) => {
    const host = new Host();
    host.scan();
    const known = rememberedIn(host, PROJECT);
    const rows = spoilt(rowsOf(host, PROJECT));
    host.memory.remember(host.path, new Map([[PROJECT, { ...known, rows }]]));
    expect(inOrder(host.scan())).toEqual(inOrder(scanned(openClaudeDir(host.path))));
    // As after a change: then names are listed, and the memory is asked of each.
    const changed = { identity: undefined, lookedAtMs: host.nowMs, rows };
    if (rows.length % ROW_BYTES > 0) return;
    host.memory.remember(host.path, new Map([[PROJECT, checked(PROJECT, changed)]]));
    expect(inOrder(host.scan()).units).toHaveLength(inOrder(scanned(openClaudeDir(host.path))).units.length);
  });

  it('believes no rows that belong to another look', () => {
    const host = new Host();
    host.scan();
    const known = rememberedIn(host, PROJECT);
    const rows = rowsOf(host, PROJECT);
    const checksum = checksumOf(PROJECT, { ...known, rows });
    expect(checksum).toBe(known.checksum);
    for (const other of [{ identity: 'another' }, { identity: undefined }, { lookedAtMs: known.lookedAtMs + 1 }]) {
      expect(checksumOf(PROJECT, { ...known, ...other, rows })).not.toBe(checksum);
    }
    expect(checksumOf('file-history', { ...known, rows })).not.toBe(checksum);
  });

  it('finds all where the memory cannot be written', () => {
    const host = new Host();
    const stateDir = tempDir();
    Ledger.open(stateDir).close();
    const memory = Ledger.openForReading(stateDir)?.scanMemory;
    if (memory === undefined) throw new Error('no ledger');
    const trust = { fromMtimeMs: host.nowMs - RETENTION_MS, nowMs: host.nowMs };
    const result = scanned(openClaudeDir(host.path), { memory: { memory, trust, isReadOnly: false } });
    expect(inOrder(result)).toEqual(inOrder(scanned(openClaudeDir(host.path))));
  });
});
