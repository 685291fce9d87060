import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SharedStoreSettings } from '../../src/config/store-settings.ts';
import { ALL_FORMS, newSharedStore, OWN_FORM } from '../support/shared-stores.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { cli } from './cli-here.ts';

const [A, B, C, D] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3), sessionIdOf(4)] as const;

/** A Claude directory with session A, unused for sixty days. */
function newHost(...stores: readonly SharedStoreSettings[]) {
  const claudeDir = makeClaudeDir(tempDir());
  makeSession(claudeDir, { id: A, ageMs: 60 * DAY_MS });
  // Nothing has come or gone in it a moment ago.
  const projects = join(claudeDir, 'projects');
  for (const name of readdirSync(projects)) utimesSync(join(projects, name), 1, 1);
  const stateDir = join(tempDir(), 'state');
  const given = JSON.stringify(stores.map((store) => ({ onlyThisHost: true, ...store })));
  const flags = [
    '--claude-dir',
    claudeDir,
    '--state-dir',
    stateDir,
    '--sessions-shared-stores',
    given,
    '--log-level',
    'silent',
  ];
  return (...words: string[]) => cli([...flags, ...words]);
}

interface Told {
  readonly job: string;
  readonly errors: readonly { readonly message: string }[];
  readonly removedSessions?: readonly { readonly sessionId: string }[];
}

async function runNow(host: ReturnType<typeof newHost>, ...words: string[]) {
  const { code, stdout } = await host('--json', '--run-now', ...words);
  const { jobs } = JSON.parse(stdout) as { jobs: Told[] };
  const prune = jobs.find(({ job }) => job === 'prune-transcripts');
  return {
    code,
    removed: (prune?.removedSessions ?? []).map(({ sessionId }) => sessionId).toSorted(),
    errors: (prune?.errors ?? []).map(({ message }) => message),
    all: jobs,
  };
}

const listed = async (host: ReturnType<typeof newHost>) => {
  const { stdout } = await host('trash', 'list', '--json');
  return (JSON.parse(stdout) as { sessions: { sessionId: string }[] }).sessions
    .map(({ sessionId }) => sessionId)
    .toSorted();
};

describe.each(ALL_FORMS)('A worker with a shared store of the form: $name', (form) => {
  it('removes, lists, restores and destroys its sessions as those of a directory', async () => {
    const nowMs = Date.now();
    const made = await newSharedStore(form, nowMs);
    for (const [sessionId, ageMs] of [
      [B, 60],
      [C, 60],
      [D, 2],
    ] as const) {
      await made.append({ sessionId, atMs: nowMs - ageMs * DAY_MS });
    }
    await made.append({ sessionId: C, atMs: nowMs - 60 * DAY_MS, entry: { type: 'tag', tag: 'keep' } });
    const host = newHost(made.settings);
    expect(await runNow(host, '--dry-run')).toMatchObject({ code: 0, removed: [A, B], errors: [] });
    expect(await listed(host)).toEqual([]);
    expect(await runNow(host)).toMatchObject({ code: 0, removed: [A, B], errors: [] });
    expect(await listed(host)).toEqual([A, B]);
    const { code, stdout } = await host('trash', 'restore', B, '--json');
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { sessions: [{ sessionId: B, restored: true }] }]);
    expect(await listed(host)).toEqual([A]);
    expect(await runNow(host)).toMatchObject({ code: 0, removed: [B] });
    expect((await host('why', D)).stdout).toContain(D.slice(0, 8));
    expect((await host('remove', D, '--yes')).code).toBe(0);
    expect(await listed(host)).toEqual([A, B, D]);
    expect((await host('trash', 'restore', D)).code).toBe(0);

    // The store's own clock says for how long it has lain there.
    made.server.setClock(nowMs + 1_000);
    expect((await host('trash', 'empty', '--yes')).code).toBe(0);
    expect([await listed(host), Object.keys(await made.entries())]).toEqual([[], [C, D]]);
  });
});

describe('A worker with a shared store', () => {
  it('is refused where nobody says who else resumes its sessions, or one is there twice', async () => {
    const url = 'postgres://bot:secret@db.example/claude';
    const host = newHost({ url, onlyThisHost: false }, { url });
    const { code, stderr } = await host('check-config');
    expect(code).toBe(78);
    expect(stderr).toContain('name a source of kind postgres-map');
    expect(stderr).toContain('postgres://bot@db.example:5432/claude#claude_session_entries: it is there twice');
    expect(stderr).not.toContain('secret');
  });

  it('shows no password of it anywhere', async () => {
    const url = 'postgres://bot:secret@127.0.0.1:1/claude?password=secret';
    const host = newHost({ url });
    for (const words of [['check-config'], ['--run-now'], ['trash', 'list'], ['doctor'], ['status']]) {
      const { stdout, stderr } = await host(...words);
      expect(stdout + stderr).toMatch(/./);
      expect(stdout + stderr).not.toContain('secret');
    }
    const odd = newHost({ url: 'postgres://:secret@/' });
    const { code, stderr } = await odd('check-config');
    expect([code, stderr.includes('secret')]).toEqual([78, false]);
  });

  it('prunes everything else where its server cannot be asked', async () => {
    const nowMs = Date.now();
    const made = await newSharedStore(OWN_FORM, nowMs);
    await made.append({ sessionId: B, atMs: nowMs - 60 * DAY_MS });
    const gone = { url: `postgres://bot@localhost/claude?host=${tempDir()}` };
    const host = newHost(gone, made.settings);
    expect(await runNow(host)).toMatchObject({
      code: 74,
      removed: [A, B],
      errors: [expect.stringContaining('ENOENT')],
    });
  });
});
