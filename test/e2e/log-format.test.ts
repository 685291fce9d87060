import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startProgram } from '../support/forked.ts';
import { PROGRAM, run } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

const RUN = ['--run-now', '--job', 'purge-trash', '--log-level', 'info'];

/** Runs with stderr on a file, as the journal's stream is one that systemd names. @returns what was logged */
async function loggedTo(stream: (dev: bigint, ino: bigint) => string, flags: readonly string[] = []): Promise<string> {
  const file = join(tempDir(), 'stderr');
  const fd = openSync(file, 'w');
  const { dev, ino } = fstatSync(fd, { bigint: true });
  await run(process.execPath, [PROGRAM, ...tempPlace().flags, ...RUN, ...flags], {
    stdio: ['ignore', 'pipe', fd],
    env: { JOURNAL_STREAM: stream(dev, ino) },
  });
  closeSync(fd);
  return readFileSync(file, 'utf8');
}

/** What a run says to a terminal. */
async function onTerminal(env: Readonly<Record<string, string>>): Promise<string> {
  const command = [process.execPath, PROGRAM, ...tempPlace().flags, ...RUN].join(' ');
  return (await run('script', ['-qec', command, '/dev/null'], { env })).stdout;
}

describe('The log', () => {
  it('has priorities where stderr is the stream to the journal', async () => {
    expect(await loggedTo((dev, ino) => `${dev}:${ino}`)).toMatch(/^<6>job finished {2}job=purge-trash /m);
  });

  it('is JSON where that stream has given way to another', async () => {
    const line = await loggedTo((dev, ino) => `${dev}:${ino + 1n}`);
    expect(JSON.parse(line)).toMatchObject({ level: 'info', msg: 'job finished', job: 'purge-trash' });
  });

  it('is written as somebody has asked for it', async () => {
    const here = (dev: bigint, ino: bigint) => `${dev}:${ino}`;
    expect(JSON.parse(await loggedTo(here, ['--log-format', 'json']))).toMatchObject({ msg: 'job finished' });
    expect(await loggedTo(here, ['--log-format', 'text'])).toMatch(/^\d{4}-\d\d-\d\d [\d:]{8} INFO {2}job finished/m);
    expect(await loggedTo(() => '', ['--log-format', 'journal'])).toMatch(/^<6>job finished/m);
  });

  it('is for people on a terminal', async () => {
    expect(await onTerminal({})).toMatch(/\d\d:\d\d:\d\d INFO {2}job finished {2}job=purge-trash/);
  });
});

describe('A log at debug', () => {
  it('tells each session that goes, with its project and the reason, and at info none', async () => {
    for (const [level, told] of [
      ['debug', 2],
      ['info', 0],
    ] as const) {
      const place = tempPlace();
      for (const number of [1, 2]) makeSession(place.claudeDir, { id: sessionIdOf(number), ageMs: 40 * DAY_MS });
      const schedule = ['--schedule-prune', '* * * * * *', '--schedule-jitter', '1ms', '--listen', 'off'];
      const daemon = startProgram([...place.flags, ...schedule, '--log-level', level]);
      await until('a prune', () => /"removed":\{"sessions":2/.test(daemon.log()));
      const events = daemon
        .log()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      const went = events.filter(({ msg }) => msg === 'session went');
      expect(went).toHaveLength(told);
      if (told === 0) continue;
      expect(went.map(({ sessionId }) => sessionId).sort()).toEqual([sessionIdOf(1), sessionIdOf(2)]);
      expect(went[0]).toMatchObject({ level: 'debug', project: '-srv-app', reason: 'expired', files: 1 });
    }
  });
});
