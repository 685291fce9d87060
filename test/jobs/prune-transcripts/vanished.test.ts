import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Ledger } from '../../../src/ledger/ledger.ts';
import { openClaudeDir, openTrash } from '../../support/opened.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { prune, transcriptOf } from './pruning.ts';

const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;

/** A Claude directory with three young sessions, A and B in one project and C in another, after a first prune. */
class Host {
  readonly path = makeClaudeDir(tempDir());
  readonly clock = new SetClock(NOW);
  ledger = this.beginLedger();

  beginLedger(): Ledger {
    const ledger = Ledger.open(tempDir());
    onTestFinished(() => ledger.close());
    return ledger;
  }

  static async make(ageDays = 5): Promise<Host> {
    const host = new Host();
    for (const id of [A, B]) makeSession(host.path, { id, ageMs: ageDays * DAY_MS }, NOW);
    makeSession(host.path, { id: C, ageMs: ageDays * DAY_MS, project: '-srv-other' }, NOW);
    expect(await host.prune()).not.toHaveProperty('vanished');
    return host;
  }

  at(id: typeof A, project?: string): string {
    return join(this.path, transcriptOf(id, project));
  }

  async prune(settings: Parameters<typeof prune>[1] = {}) {
    const { ledger, clock } = this;
    const kept = { recorder: ledger, trashCache: ledger, trueTimes: ledger, seenSessions: ledger.seenSessions };
    return prune(this.path, { ...kept, clock, cleanup: { periodMs: 30 * DAY_MS }, ...settings });
  }

  missed(): unknown[] {
    return this.ledger.seenSessions.vanished().map(({ sessionId, cause }) => [sessionId, cause]);
  }
}

describe('a session that is gone, though nothing of ours removed it', () => {
  it('is missed once, with the project that it was in and when it was last seen', async () => {
    const host = await Host.make();
    rmSync(host.at(A));
    host.clock.nowMs = NOW + DAY_MS;
    expect(await host.prune()).toMatchObject({ vanished: 1 });
    expect(host.ledger.seenSessions.vanished()).toEqual([
      {
        claudeDir: host.path,
        sessionId: A,
        project: '-srv-app',
        writtenAtMs: Math.floor((NOW - 5 * DAY_MS) / DAY_MS) * DAY_MS,
        seenAtMs: NOW,
        noticedAtMs: NOW + DAY_MS,
        cause: 'unknown',
      },
    ]);
    expect(await host.prune()).not.toHaveProperty('vanished');
    expect(host.missed()).toEqual([[A, 'unknown']]);
  });

  it("is told from what Claude's own clean-up deletes by its age", async () => {
    const host = await Host.make(29);
    rmSync(host.at(A));
    host.clock.nowMs = NOW + 2 * DAY_MS;
    expect(await host.prune({ settings: { maxAge: 'never' } })).toMatchObject({ vanished: 1 });
    expect(host.missed()).toEqual([[A, 'clean-up']]);
  });

  it('is missed with its whole project, and forgotten when it is back', async () => {
    const host = await Host.make();
    const aside = join(tempDir(), 'aside');
    cpSync(join(host.path, 'projects/-srv-app'), aside, { recursive: true, preserveTimestamps: true });
    rmSync(join(host.path, 'projects/-srv-app'), { recursive: true });
    expect(await host.prune()).toMatchObject({ vanished: 2 });
    cpSync(aside, join(host.path, 'projects/-srv-app'), { recursive: true, preserveTimestamps: true });
    expect(await host.prune()).not.toHaveProperty('vanished');
    expect(host.missed()).toEqual([]);
  });
});

describe('no session is missed', () => {
  it('that Claude has moved to another project', async () => {
    const host = await Host.make();
    renameSync(host.at(A), host.at(A, '-srv-other'));
    expect(await host.prune()).not.toHaveProperty('vanished');
  });

  it('that a run has moved to the trash, nor once it is restored, nor when it was purged since', async () => {
    const host = await Host.make(29);
    host.clock.nowMs = NOW + 2 * DAY_MS;
    expect(await host.prune()).toMatchObject({ removed: { sessions: 3 } });
    expect(await host.prune()).not.toHaveProperty('vanished');
    const trash = openTrash(openClaudeDir(host.path));
    trash.restore(A, host.clock.nowMs);
    trash.close();
    expect(await host.prune({ settings: { maxAge: 'never' } })).not.toHaveProperty('vanished');
    expect(await host.prune()).toMatchObject({ removed: { sessions: 1 } });
    rmSync(join(host.path, 'session-sweeper/trash'), { recursive: true });
    expect(await host.prune()).not.toHaveProperty('vanished');
  });

  it('that a run took which was killed before it had seen all, and that was purged since', async () => {
    const host = await Host.make();
    const { seenSessions } = host.ledger;
    // As a run does before it is killed: its removals are written down, and what it saw is not.
    const trashRun = '20260101T000000Z';
    const ofAll = { project: undefined, reason: 'expired', files: 1, bytes: 1, newestMtimeMs: 0, removedAtMs: 0 };
    host.ledger.recordRemovals([{ ...ofAll, sessionId: A, claudeDir: host.path, trashRun }]);
    rmSync(host.at(A));
    expect(await host.prune()).not.toHaveProperty('vanished');
    expect(seenSessions.vanished()).toEqual([]);
  });

  it('where a project cannot be looked into, until it can', async () => {
    const host = await Host.make();
    const project = join(host.path, 'projects/-srv-app');
    const elsewhere = join(tempDir(), 'elsewhere');
    cpSync(project, elsewhere, { recursive: true, preserveTimestamps: true });
    rmSync(project, { recursive: true });
    symlinkSync(elsewhere, project);
    expect(await host.prune()).not.toHaveProperty('vanished');
    rmSync(project);
    cpSync(elsewhere, project, { recursive: true, preserveTimestamps: true });
    rmSync(host.at(B));
    expect(await host.prune()).toMatchObject({ vanished: 1 });
    expect(host.missed()).toEqual([[B, 'unknown']]);
  });

  it.each<[string, (host: Host) => void]>([
    ['begun anew', (host) => Object.assign(host, { ledger: host.beginLedger() })],
    ['that another worker was here since', (host) => rmSync(join(host.path, 'session-sweeper/last-scan.json'))],
  ])('by a ledger %s', async (_, lose) => {
    const host = await Host.make();
    rmSync(host.at(A));
    lose(host);
    expect(await host.prune()).not.toHaveProperty('vanished');
  });

  it('where another directory is mounted in place of the one that was seen', async () => {
    const host = await Host.make();
    for (const name of readdirSync(host.path)) rmSync(join(host.path, name), { recursive: true });
    mkdirSync(join(host.path, 'projects'));
    expect(await host.prune()).not.toHaveProperty('vanished');
  });

  it('by a dry run, which has no word in it', async () => {
    const host = await Host.make();
    rmSync(host.at(A));
    expect(await host.prune({ context: { dryRun: true } })).not.toHaveProperty('vanished');
    expect(await host.prune()).toMatchObject({ vanished: 1 });
  });
});
