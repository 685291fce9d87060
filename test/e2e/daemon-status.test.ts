import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startProgram } from '../support/forked.ts';
import { addressOf } from '../support/process.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

interface Status {
  readonly daemons: readonly Readonly<Record<string, unknown>>[];
}

async function statusOf(place: ReturnType<typeof tempPlace>): Promise<Status['daemons'][number]> {
  const { stdout } = await place.run(['status', '--json']);
  return (JSON.parse(stdout) as Status).daemons[0] ?? {};
}

const HANG = new URL('../support/programs/hang-in-run.mjs', import.meta.url).href;
const IDLE = ['--listen', 'off', '--schedule-prune', '0 0 1 1 *'];

describe('status', () => {
  it('says whether a daemon runs, which, since when, and what comes next', async () => {
    const place = tempPlace();
    makeSession(place.claudeDir, { id: sessionIdOf(1), ageMs: DAY_MS });
    expect(await statusOf(place)).toEqual({ claudeDir: place.claudeDir, running: false });
    expect((await place.run(['status'])).stdout).toContain('No daemon runs.');
    const daemon = startProgram([...place.flags, ...IDLE]);
    await until('the daemon', () => daemon.log().includes('"daemon started"'));
    expect(await statusOf(place)).toMatchObject({
      ...{ running: true, pid: daemon.pid, host: hostname(), place: 'here', now: null },
      since: expect.stringMatching(/^\d{4}-.*Z$/),
      nextRuns: { 'prune-transcripts': expect.stringMatching(/-01-01T/) },
    });
    const { stdout } = await place.run(['status']);
    expect(stdout).toContain(`A daemon runs: pid ${daemon.pid} on ${hostname()}, since `);
    const second = await place.run(IDLE);
    expect(second).toMatchObject({ code: 75, stderr: expect.stringContaining(`(pid ${daemon.pid} on ${hostname()}`) });
    daemon.kill('SIGTERM');
    await daemon.exit;
    expect(await statusOf(place)).toEqual({ claudeDir: place.claudeDir, running: false });
    expect(existsSync(place.at('session-sweeper/worker.json'))).toBe(false);
  });

  it('says what the daemon is at, since when and how far', async () => {
    const place = tempPlace();
    for (let number = 1; number <= 200; number += 1) {
      makeSession(place.claudeDir, { id: sessionIdOf(number), ageMs: 40 * DAY_MS });
    }
    const pipe = join(place.directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const flags = ['--listen', '127.0.0.1:0', '--schedule-prune', '* * * * * *', '--schedule-jitter', '1ms'];
    // It hangs in its first move.
    const env = { NODE_OPTIONS: `--import=${HANG}?pipe=${encodeURIComponent(pipe)}` };
    await addressOf(startProgram([...place.flags, ...flags], { env }));
    await until('a move that hangs', () => existsSync(`${pipe}.reached`));
    const status = await until('a job at work', async () => {
      const { now } = await statusOf(place);
      return (now as { job: string; phase: string | null } | null)?.phase != null ? now : undefined;
    });
    expect(status).toMatchObject({ job: 'prune-transcripts', phase: expect.stringMatching(/^(scan|remove)$/) });
  });

  it('does not believe the record of a daemon that was killed', async () => {
    const place = tempPlace();
    const daemon = startProgram([...place.flags, ...IDLE]);
    await until('the daemon', () => daemon.log().includes('"daemon started"'));
    daemon.kill('SIGKILL');
    await daemon.exit;
    expect(existsSync(place.at('session-sweeper/worker.json'))).toBe(true);
    expect(await statusOf(place)).toMatchObject({ running: false });
    writeFileSync(join(place.claudeDir, 'session-sweeper/worker.json'), '{');
    expect((await place.run(['status'])).code).toBe(0);
  });
});
