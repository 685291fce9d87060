import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { resumeMapSource } from '../../src/live-sources/resume-map-source.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { type Answer, cli } from './cli-here.ts';

const [MAPPED, PINNED, NOBODYS] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)];

interface World {
  readonly today: string;
  readonly former: string;
  run(...args: readonly string[]): Promise<Answer>;
  /** Whose transcripts are still in their place. */
  left(): readonly string[];
}

/** A host whose three old sessions are there, and whose state stands nowhere yet. */
function world(): World {
  const { directory, claudeDir } = tempPlace();
  const stateHome = join(directory, 'xdg');
  const ids = [MAPPED, PINNED, NOBODYS];
  for (const id of ids) makeSession(claudeDir, { id, ageMs: 50 * DAY_MS });
  return {
    today: join(stateHome, 'claude-session-sweeper'),
    former: join(stateHome, 'claude-hooks'),
    run: (...args) => cli(['--claude-dir', claudeDir, ...args], { env: { XDG_STATE_HOME: stateHome } }),
    left: () => ids.filter((id) => existsSync(join(claudeDir, `projects/-srv-app/${id}.jsonl`))),
  };
}

/** What an earlier release left: a map with one row, and a pin. */
async function makeFormerState(directory: string): Promise<void> {
  mkdirSync(join(directory, 'pins'), { recursive: true });
  const map = SqliteResumeMap.openOwn(join(directory, 'sessions.db'));
  await map.setSession('forgejo:architect:acme/app:1', MAPPED);
  await map.close();
  writeFileSync(join(directory, 'pins', PINNED), '');
}

describe('State under the former name', () => {
  it('goes on protecting by its map and its pins, and today’s directory is not even made', async () => {
    const { run, left, today, former } = world();
    await makeFormerState(former);
    expect((await run('--run-now')).code).toBe(0);
    expect(left()).toEqual([MAPPED, PINNED]);
    expect(existsSync(join(former, 'ledger.db'))).toBe(true);
    expect(existsSync(today)).toBe(false);
  });

  it('goes on where it is a sessions.json alone, or today’s directory holds nothing yet', async () => {
    const { run, left, today, former } = world();
    mkdirSync(today, { recursive: true });
    mkdirSync(former);
    writeFileSync(
      join(former, 'sessions.json'),
      JSON.stringify({ 'forgejo:architect:acme/app:1': { id: MAPPED, last_used_at: Date.now() } }),
    );
    const { code, stderr } = await run('--run-now');
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(left()).toEqual([MAPPED]);
    expect(existsSync(join(former, 'sessions.db'))).toBe(true);
  });

  it('protects beside that of today’s name, its writers held back in the moment of the move', async () => {
    const { run, left, today, former } = world();
    expect((await run('--run-now', '--job', 'sweep-sessions')).code).toBe(0);
    expect(existsSync(join(today, 'sessions.db'))).toBe(true);
    await makeFormerState(former);
    const answer = await run('--run-now', '--json');
    expect(answer.code).toBe(0);
    expect(left()).toEqual([MAPPED, PINNED]);
    const { jobs } = JSON.parse(answer.stdout) as { jobs: { job: string; liveIds?: object }[] };
    expect(jobs.find(({ job }) => job === 'prune-transcripts')?.liveIds).toMatchObject({ 'former-state': 2 });
  });

  it('that cannot be read stops every removal', async () => {
    const { run, left, former } = world();
    await run('--run-now', '--job', 'sweep-sessions');
    mkdirSync(former);
    writeFileSync(
      join(former, 'sessions.db'),
      'no database, but long enough to be taken for a damaged one'.repeat(100),
    );
    expect((await run('--run-now', '--job', 'prune-transcripts')).code).toBe(65);
    expect(left()).toHaveLength(3);
  });

  it.each(['check-config', 'doctor', 'status'])('is told by %s, with a command that mends it', async (command) => {
    const { run, left, today, former } = world();
    await makeFormerState(former);
    await run('--run-now', '--job', 'sweep-sessions');
    const { stdout } = await run(command);
    expect(stdout).toMatch(/former state directory: .*claude-hooks is used/);
    const [, remedy = ''] = /→ with no host and no worker at work: (.*)/.exec(stdout) ?? [];
    execFileSync('sh', ['-c', remedy]);
    expect((await run('--run-now')).code).toBe(0);
    expect(left()).toEqual([MAPPED, PINNED]);
    expect(existsSync(join(today, 'sessions.db'))).toBe(true);
    // A host that goes on under the former name writes into the same map.
    const map = SqliteResumeMap.openOwn(join(former, 'sessions.db'));
    await map.setSession('forgejo:architect:acme/app:2', NOBODYS);
    await map.close();
    const now = SqliteResumeMap.openForReading(join(today, 'sessions.db'));
    expect((await resumeMapSource(now).read()).ids).toEqual(new Set([MAPPED, NOBODYS]));
    await now.close();
    expect((await run(command)).stdout).not.toContain('former state directory');
  });

  it('is told where both hold some, and is let go by the command that is told', async () => {
    const { run, former } = world();
    await run('--run-now', '--job', 'sweep-sessions');
    await makeFormerState(former);
    const { stdout } = await run('check-config');
    expect(stdout).toMatch(/former state directory: .*claude-hooks holds state, too/);
    const [, remedy = ''] = /; else (mv .*)/.exec(stdout) ?? [];
    execFileSync('sh', ['-c', remedy]);
    expect((await run('check-config')).stdout).not.toContain('former state directory');
    const document = JSON.parse((await run('check-config', '--json')).stdout) as { formerState: unknown };
    expect(document.formerState).toBeNull();
  });

  it('does not count where the state directory was named', async () => {
    const { run, left, today, former } = world();
    await makeFormerState(former);
    expect((await run('--state-dir', today, '--run-now')).code).toBe(0);
    expect(left()).toEqual([]);
  });

  it('lets rows that were swept there come back after it has moved', async () => {
    const { run, former, today } = world();
    await makeFormerState(former);
    const database = new Database(join(former, 'sessions.db'));
    const oldMs = Date.now() - 400 * DAY_MS;
    database.prepare('UPDATE claude_sdk_sessions SET last_used_at = ?, created_at = ?').run(oldMs, oldMs);
    database.close();
    await run('--run-now', '--job', 'sweep-sessions');
    cpSync(former, today, { recursive: true });
    expect((await run('map', 'swept')).stdout).toContain(MAPPED);
    expect((await run('map', 'restore', '--last-run')).stdout).toContain(`resumes ${MAPPED} again`);
  });
});
