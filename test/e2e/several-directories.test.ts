/** One of several Claude directories that cannot be worked in holds up no other, and still says who is live where it can be asked. */

import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lockClaudeDirs } from '../../src/claude-dir/open-and-lock.ts';
import { runProgram } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';

const isRoot = process.geteuid?.() === 0;

function twoDirectories() {
  const { directory, claudeDir, flags } = tempPlace();
  const ill = makeClaudeDir(join(directory, 'ill'));
  for (const number of [1, 2]) makeSession(claudeDir, { id: sessionIdOf(number), ageMs: 50 * DAY_MS });
  makeSession(ill, { id: sessionIdOf(3), ageMs: 50 * DAY_MS });
  const transcript = (id: number, dir = claudeDir) =>
    existsSync(join(dir, `projects/-srv-app/${sessionIdOf(id)}.jsonl`));
  return { ill, flags: [...flags, '--claude-dir', ill], transcript };
}

type Places = ReturnType<typeof twoDirectories>;

describe('A run with two Claude directories', () => {
  it.each<[string, boolean, (places: Places) => void]>([
    ['is not there', true, ({ ill }) => rmSync(ill, { recursive: true })],
    ['has no projects', true, ({ ill }) => rmSync(join(ill, 'projects'), { recursive: true })],
    ['others may write, as root', isRoot, ({ ill }) => chmodSync(ill, 0o777)],
    ['has a file where the trash is', true, ({ ill }) => writeFileSync(join(ill, 'session-sweeper'), '')],
    ['has a symlink where the trash is', true, ({ ill }) => symlinkSync('/tmp', join(ill, 'session-sweeper'))],
  ])('prunes the one where the other %s, and names that', async (_, isPossible, spoil) => {
    if (!isPossible) return;
    const places = twoDirectories();
    spoil(places);
    const exit = await runProgram([...places.flags, '--run-now', '--job', 'prune-transcripts', '--json']);
    expect(exit.code).toBe(74);
    expect([places.transcript(1), places.transcript(2)]).toEqual([false, false]);
    const { errors } = (JSON.parse(exit.stdout) as { jobs: [{ errors: { message: string }[] }] }).jobs[0];
    expect(errors.filter(({ message }) => message.includes(places.ill))).toHaveLength(1);
  });

  it('leaves a directory alone in which another run is at work, and believes what is written in it', async () => {
    const places = twoDirectories();
    const record = { pid: process.pid, sessionId: sessionIdOf(2) };
    mkdirSync(join(places.ill, 'sessions'));
    writeFileSync(join(places.ill, `sessions/${process.pid}.json`), JSON.stringify(record));
    const lock = lockClaudeDirs({ claudeDir: [places.ill] });
    onTestFinished(() => lock.release());
    const { code, stdout } = await runProgram([...places.flags, '--run-now', '--job', 'prune-transcripts', '--json']);
    expect({ code, says: stdout.includes('another run is at work in it') }).toEqual({ code: 74, says: true });
    expect([places.transcript(1), places.transcript(2), places.transcript(3, places.ill)]).toEqual([false, true, true]);
  });

  it('touches nothing where one leads to where anybody may write: its sessions may be those of the other', async () => {
    const places = twoDirectories();
    rmSync(join(places.ill, 'projects'), { recursive: true });
    const elsewhere = tempDir();
    chmodSync(elsewhere, 0o777);
    symlinkSync(elsewhere, join(places.ill, 'projects'));
    const { code } = await runProgram([...places.flags, '--run-now', '--job', 'prune-transcripts']);
    expect(code).toBe(73);
    expect([places.transcript(1), places.transcript(2)]).toEqual([true, true]);
  });

  it('takes no row for dangling while one of them is gone', async () => {
    const { ill, flags } = twoDirectories();
    const [key, sweep] = ['forgejo:a:acme/app:1', ['--run-now', '--job', 'sweep-sessions']];
    const only = ['--sessions-only-this-host', '--sessions-max-age', 'never', '--min-age', '1h'];
    await runProgram([...flags, 'map', 'set', key, sessionIdOf(9)]);
    const database = new Database(join(flags[flags.indexOf('--state-dir') + 1] ?? '', 'sessions.db'));
    database.prepare('UPDATE claude_sdk_sessions SET last_used_at = 1, created_at = 1').run();
    database.close();
    makeSession(ill, { id: sessionIdOf(9), ageMs: 50 * DAY_MS });
    rmSync(ill, { recursive: true });
    expect((await runProgram([...flags, ...only, ...sweep])).code).toBe(74);
    expect((await runProgram([...flags, 'map', 'list'])).stdout).toContain(key);
  });
});
