import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Ledger } from '../../../src/ledger/ledger.ts';
import { openClaudeDir, openTrash } from '../../support/opened.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { trashSessions } from '../../support/trashed.ts';
import { DAY_MS } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { A, B, C, expiredSessions, left, type PruneOptions, prune, transcriptOf, trashedIds } from './pruning.ts';

/** A Claude directory, the copy of it that a sync tool brings back, and a ledger. */
function synced(): { readonly path: string; readonly ledger: Ledger; readonly bringBack: () => void } {
  const path = expiredSessions();
  const copy = join(tempDir(), 'copy');
  cpSync(path, copy, { recursive: true, preserveTimestamps: true });
  const ledger = Ledger.open(tempDir());
  onTestFinished(() => ledger.close());
  return { path, ledger, bringBack: () => cpSync(copy, path, { recursive: true, preserveTimestamps: true }) };
}

function optionsOf(ledger: Ledger, days = 0): PruneOptions {
  return { recorder: ledger, trashCache: ledger, clock: new SetClock(NOW + days * DAY_MS) };
}

function trashTimes(path: string): number[] {
  const { sessions } = openTrash(openClaudeDir(path)).contents();
  return sessions.map(({ trashedAtMs }) => trashedAtMs);
}

describe('What a sync tool brings back after each prune', () => {
  it('never makes the trash grow, and has all of its time there from when it went last', async () => {
    const { path, ledger, bringBack } = synced();
    for (let days = 0; days < 4; days += 1) {
      const report = await prune(path, optionsOf(ledger, days));
      expect(report).toMatchObject({ removed: { sessions: 3 }, trash: { sessions: 3 } });
      expect(report.cameBack?.sessions).toBe(days === 0 ? undefined : 3);
      expect(left(path)).toEqual([]);
      expect(trashedIds(path)).toEqual([A, B, C]);
      const wentMs = NOW + days * DAY_MS;
      expect(trashTimes(path)).toEqual([wentMs, wentMs, wentMs]);
      bringBack();
    }
    expect(readdirSync(join(path, 'session-sweeper/trash'))).toHaveLength(1);
    expect(ledger.returningSessions(path, 0)).toEqual([
      { isSame: 1, project: '-srv-app', sessions: 3, times: 3, example: A },
    ]);
  });

  it('is told of too where each copy differs by a line from what went, and the trash grows', async () => {
    const { path, ledger, bringBack } = synced();
    for (let days = 0; days < 3; days += 1) {
      const transcript = join(path, transcriptOf(B));
      const { atime, mtime } = statSync(transcript);
      writeFileSync(transcript, `${readFileSync(transcript, 'utf8')}${'{}\n'.repeat(days)}`);
      utimesSync(transcript, atime, mtime);
      for (const id of [A, C]) rmSync(join(path, transcriptOf(id)), { force: true });
      for (const id of [A, C]) rmSync(join(path, `file-history/${id}`), { force: true, recursive: true });
      expect(await prune(path, optionsOf(ledger, days))).toMatchObject({ removed: { sessions: 1 } });
      bringBack();
    }
    expect(trashTimes(path)).toHaveLength(3);
    expect(ledger.returningSessions(path, 0)).toEqual([
      { isSame: 0, project: '-srv-app', sessions: 1, times: 2, example: B },
    ]);
  });

  it('is no loop where somebody brought it back from the trash, or resumed it since', async () => {
    const { path, ledger } = synced();
    await prune(path, optionsOf(ledger));
    const trash = openTrash(openClaudeDir(path));
    for (const id of [A, B]) trash.restore(id, NOW + DAY_MS);
    ledger.audit.record([
      { what: 'restored', atMs: NOW + DAY_MS, subject: A, place: path, run: null, reason: null, bytes: null },
    ]);
    const resumedAt = (NOW + DAY_MS) / 1_000;
    writeFileSync(join(path, transcriptOf(B)), '{}\n', { flag: 'a' });
    utimesSync(join(path, transcriptOf(B)), resumedAt, resumedAt);
    await prune(path, optionsOf(ledger, 2));
    expect(await prune(path, optionsOf(ledger, 40))).toMatchObject({ removed: { sessions: 1 } });
    expect(ledger.returningSessions(path, 0)).toEqual([]);
  });

  it('is kept in both copies where a byte of it is another one, though size and time are the same', async () => {
    const { path, ledger, bringBack } = synced();
    await prune(path, optionsOf(ledger));
    bringBack();
    const transcript = join(path, transcriptOf(B));
    const { atime, mtime } = statSync(transcript);
    writeFileSync(transcript, readFileSync(transcript, 'utf8').replace('"sessionId"', '"sessionid"'));
    utimesSync(transcript, atime, mtime);
    expect(await prune(path, optionsOf(ledger, 1))).toMatchObject({ cameBack: { sessions: 2 } });
    expect(trashTimes(path)).toHaveLength(4);
  });

  it('is the same where the tool keeps whole seconds alone', async () => {
    const { path, ledger, bringBack } = synced();
    await prune(path, optionsOf(ledger));
    bringBack();
    for (const id of [A, B, C]) {
      for (const file of [transcriptOf(id), `file-history/${id}/a@v1`]) {
        const seconds = Math.floor(statSync(join(path, file)).mtimeMs / 1_000);
        utimesSync(join(path, file), seconds, seconds);
      }
    }
    expect(await prune(path, optionsOf(ledger, 1))).toMatchObject({ cameBack: { sessions: 3 } });
  });

  it('is kept in both copies where one has a file more', async () => {
    const { path, ledger, bringBack } = synced();
    await prune(path, optionsOf(ledger));
    bringBack();
    mkdirSync(join(path, `session-env/${C}`), { recursive: true });
    writeFileSync(join(path, `session-env/${C}/hook.sh`), '');
    utimesSync(join(path, `session-env/${C}/hook.sh`), 1_700_000_000, 1_700_000_000);
    expect(await prune(path, optionsOf(ledger, 1))).toMatchObject({ cameBack: { sessions: 2 } });
  });

  it('is no second copy either where the run was killed before it had compared', async () => {
    const { path, ledger, bringBack } = synced();
    await prune(path, optionsOf(ledger));
    bringBack();
    trashSessions(path, [A, B, C], NOW + DAY_MS);
    expect(trashTimes(path)).toHaveLength(6);
    expect(await prune(path, optionsOf(ledger, 2))).toMatchObject({ cameBack: { sessions: 3 } });
    expect(trashedIds(path)).toEqual([A, B, C]);
    expect(trashTimes(path)).toEqual([NOW + DAY_MS, NOW + DAY_MS, NOW + DAY_MS]);
  });

  it('leaves the newer one whole, and to be found, where a kill came between mark and end', async () => {
    const { path, ledger, bringBack } = synced();
    await prune(path, optionsOf(ledger));
    bringBack();
    trashSessions(path, [A, B, C], NOW + DAY_MS);
    const trash = openTrash(openClaudeDir(path));
    const [older] = [...trash.runs()].sort();
    if (older === undefined) throw new Error('nothing went');
    const folder = trash.openForPurge(older, NOW + DAY_MS, { dryRun: false });
    folder?.mark(folder.find(folder.sessions()), [], NOW + DAY_MS);
    folder?.close();
    await prune(path, optionsOf(ledger, 2));
    expect(trash.restore(A, NOW + 3 * DAY_MS)).toMatchObject({ sessionId: A });
    expect(left(path)).toEqual([A]);
  });
});
