import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openClaudeDirs } from '../../src/claude-dir/open-and-lock.ts';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import type { PruneReport } from '../../src/jobs/report.ts';
import { Acquired } from '../../src/process/acquired.ts';
import { runConfiguredJob } from '../../src/runs/compose-job.ts';
import { contextOf } from '../support/job-context.ts';
import { resolveConfig } from '../support/resolved-config.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const SESSIONS = Array.from({ length: 30 }, (_, number) => sessionIdOf(number + 1));
const [A, B] = SESSIONS as [SessionId, SessionId];

/** A host with thirty old sessions, and a directory for what its sources are read from. */
function newHost() {
  const host = { path: makeClaudeDir(tempDir()), stateDir: join(tempDir(), 'state'), place: tempDir() };
  for (const id of SESSIONS) makeSession(host.path, { id, ageMs: 90 * DAY_MS }, NOW);
  return host;
}

type Host = ReturnType<typeof newHost>;

function prune({ path, stateDir }: Host, sources: readonly object[], dryRun = false): Promise<PruneReport> {
  const acquired = new Acquired();
  const { config } = resolveConfig({
    home: '/nonexistent',
    environment: {},
    flags: { claudeDir: [path], stateDir, sources },
  });
  const run = async () => {
    const claudeDirs = openClaudeDirs(config, (claudeDir) => acquired.add(claudeDir, (opened) => opened.close()));
    const options = { dryRun, jobs: ['prune-transcripts'], allowMassRemoval: false, listsRemoved: 'none' } as const;
    const task = { job: 'prune-transcripts', config, options, claudeDirs, openDirs: claudeDirs, liveDirs: claudeDirs };
    return runConfiguredJob({ ...task, job: 'prune-transcripts' }, contextOf({ dryRun }), new SetClock(NOW));
  };
  return run().finally(() => acquired.release()) as Promise<PruneReport>;
}

function vips({ place }: Host, ids: readonly SessionId[], more: object = {}): object {
  const path = join(place, 'vips');
  writeFileSync(path, `${ids.join('\n')}\nend ${ids.length}\n`);
  return { kind: 'keep-list', name: 'vips', path, ...more };
}

function bot({ place }: Host, ids: readonly SessionId[]): object {
  const path = join(place, 'bot.json');
  writeFileSync(path, JSON.stringify(ids.map((id) => ({ sessionId: id }))));
  return { kind: 'json-map', name: 'bot', path };
}

function secondMap({ place }: Host, ids: readonly SessionId[]): object {
  const db = join(place, 'second.db');
  const database = new Database(db);
  database.exec('CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id, last_used_at, created_at)');
  for (const id of ids) database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, 1, 1)').run(id, id);
  database.close();
  return { kind: 'resume-map', name: 'second', db };
}

describe('a prune of a host that names its sources', () => {
  it('keeps what any of them names, counts each by its name, and takes the rest', async () => {
    const host = newHost();
    const sources = [vips(host, [A]), bot(host, [B, A]), secondMap(host, SESSIONS.slice(2, 5))];
    const planned = await prune(host, sources, true);
    const done = await prune(host, sources);
    expect(planned.kept).toEqual(done.kept);
    expect(done).toMatchObject({
      kept: { live: 5 },
      removed: { sessions: 25 },
      liveIds: { vips: 1, bot: 2, second: 3, 'resume-map': 0 },
      sources: {
        vips: { isUp: true, ids: 1, onlyIts: 0, answeredAtMs: expect.closeTo(NOW, -6) },
        bot: { isUp: true, ids: 2, onlyIts: 1 },
        second: { isUp: true, ids: 3, onlyIts: 3 },
        'running-processes': { isUp: true, ids: 0, onlyIts: 0 },
      },
    });
  });

  it('takes a thread map in the very database of a resume map for a source of its own', async () => {
    const host = newHost();
    const second = secondMap(host, [A]);
    const database = new Database(join(host.place, 'second.db'));
    database.exec(`CREATE TABLE sessions (thread_ts TEXT PRIMARY KEY, session_id TEXT NOT NULL, repo TEXT NOT NULL,
      repo_path TEXT NOT NULL, agent_kind TEXT NOT NULL DEFAULT 'claude', channel_id TEXT NOT NULL, created_at TEXT NOT NULL,
      last_active TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'active', total_turns INTEGER NOT NULL DEFAULT 0, model TEXT);
      INSERT INTO sessions VALUES ('1', '${B}', 'app', '/srv/app', 'claude', 'C1', '', '', 'active', 1, NULL)`);
    database.close();
    const done = await prune(host, [second, { kind: 'thread-map', name: 'slack', db: join(host.place, 'second.db') }]);
    expect(done).toMatchObject({ kept: { live: 2 }, removed: { sessions: 28 }, faults: [] });
  });

  it.each([
    ['by its real path', '/srv/web', 3],
    ['by a glob', '/srv/w*', 3],
    ['by the name that Claude gives it', '-srv-web', 3],
    ['of which some sessions do not tell their path', '/opt/*', 5],
    ['that is none of these', '/srv/nowhere', 0],
  ])('keeps all sessions of a project that is named %s', async (_how, project, live) => {
    const host = { path: makeClaudeDir(tempDir()), stateDir: join(tempDir(), 'state'), place: tempDir() };
    const cwd = (path: string) => `${JSON.stringify({ type: 'user', cwd: path, sessionId: A })}\n`;
    for (const [index, id] of SESSIONS.slice(0, 12).entries()) {
      if (index < 3)
        makeSession(host.path, { id, project: '-srv-web', ageMs: 90 * DAY_MS, content: cwd('/srv/web') }, NOW);
      else if (index < 8) makeSession(host.path, { id, project: '-opt-job', ageMs: 90 * DAY_MS, content: '{}\n' }, NOW);
      else makeSession(host.path, { id, project: '-srv-api', ageMs: 90 * DAY_MS, content: cwd('/srv/api') }, NOW);
    }
    const path = join(host.place, 'program');
    writeFileSync(path, `#!/bin/sh\ncat <<'END'\n${JSON.stringify([{ project, why: 'a release' }])}\nEND\n`, {
      mode: 0o755,
    });
    const command = { kind: 'command', name: 'releases', argv: [path] };
    expect(await prune(host, [command])).toMatchObject({
      ...(live === 0 ? {} : { kept: { live } }),
      removed: { sessions: 12 - live },
      sources: { releases: { ids: 1, onlyIts: live }, 'resume-map': { onlyIts: 0 } },
    });
  });

  it('removes nothing while one of them cannot be read', async () => {
    const host = newHost();
    const sources = [vips(host, [A]), bot(host, [B])];
    rmSync(join(host.place, 'bot.json'));
    expect(await prune(host, sources)).toMatchObject({
      failure: { kind: 'unavailable', message: expect.stringContaining('bot.json: there is no such file') },
      sources: { vips: { isUp: true, ids: 1 }, bot: { isUp: false }, 'resume-map': { isUp: true } },
    });
    expect(existsSync(join(host.path, `projects/-srv-app/${sessionIdOf(9)}.jsonl`))).toBe(true);
  });

  it('goes on without one that is not required, and says so', async () => {
    const host = newHost();
    const source = vips(host, [A], { required: false });
    rmSync(join(host.place, 'vips'));
    const { removed, faults, liveIds, sources } = await prune(host, [source]);
    expect(removed?.sessions).toBe(30);
    expect(sources).toMatchObject({ vips: { isUp: false }, 'resume-map': { isUp: true } });
    expect(faults.map(({ message }) => message)).toEqual([
      expect.stringContaining('the live source vips cannot be read'),
    ]);
    expect(liveIds).not.toHaveProperty('vips');
  });

  it.each([
    ['is doubted', {}, 1],
    ['may be', { lasting: false }, 0],
  ])('which has lost nearly all that it named: it %s', async (_what, more, held) => {
    const host = newHost();
    const { removed } = await prune(host, [vips(host, SESSIONS.slice(0, 20), more)]);
    expect(removed?.sessions).toBe(10);
    const report = await prune(host, [vips(host, [A], more)]);
    expect(report.held?.filter(({ guard }) => guard === 'emptied-source') ?? []).toHaveLength(held);
  });

  it('does not take one that was silent for one that named nobody', async () => {
    const host = newHost();
    const source = vips(host, SESSIONS.slice(0, 20), { required: false });
    await prune(host, [source]);
    rmSync(join(host.place, 'vips'));
    const silent = await prune(host, [source]);
    expect(silent.held ?? []).not.toContainEqual(expect.objectContaining({ guard: 'emptied-source' }));
    const emptied = await prune(host, [vips(host, [], { required: false })]);
    expect(emptied.held).toContainEqual(expect.objectContaining({ guard: 'emptied-source' }));
  });
});
