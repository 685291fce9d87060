import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProgram } from '../support/forked.ts';
import {
  addressOf,
  type Exit,
  hasEnded,
  killed,
  PROGRAM,
  type Running,
  start,
  withDescendants,
} from '../support/process.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

const SESSIONS = 200;
/** The first batch of a prune. */
const BATCH_SESSIONS = 16;
/** See src/process/turns.ts. */
const LONGER_THAN_BETWEEN_TURNS_MS = 100;
const NEVER_SOON = '0 0 1 1 *';
const PRUNE_EVERY_SECOND = [
  ...['--schedule-prune', '* * * * * *', '--schedule-sweep', NEVER_SOON, '--schedule-purge', NEVER_SOON],
  ...['--schedule-jitter', '1ms', '--listen', '127.0.0.1:0'],
];
const RUN_NOW = ['--run-now', '--job', 'prune-transcripts'];
const HANG = new URL('../support/programs/hang-in-run.mjs', import.meta.url).href;
const ABORT = new URL('../support/programs/abort-in-run.mjs', import.meta.url).href;

/** Many expired sessions, and a program whose first move of one hangs in a system call. */
class HangingHost {
  readonly env: Readonly<Record<string, string>>;
  readonly #place = tempPlace();
  readonly #pipe = join(this.#place.directory, 'pipe');

  constructor() {
    for (let number = 1; number <= SESSIONS; number += 1) {
      makeSession(this.#place.claudeDir, { id: sessionIdOf(number), ageMs: 40 * DAY_MS });
    }
    execFileSync('mkfifo', [this.#pipe]);
    this.env = { NODE_OPTIONS: `--import=${HANG}?pipe=${encodeURIComponent(this.#pipe)}` };
  }

  start(args: readonly string[], env = this.env): Running {
    return startProgram([...this.#place.flags, ...args], { env });
  }

  run(args: readonly string[]): Promise<Exit> {
    return this.#place.run(args);
  }

  async untilItHangs(): Promise<void> {
    await until('a move that hangs', () => existsSync(`${this.#pipe}.reached`));
    // A run asks the system for signals from time to time alone: after a shorter hang it would not do so at its next step.
    await delay(LONGER_THAN_BETWEEN_TURNS_MS);
  }

  /** Lets the system call return. */
  letGo(): void {
    writeFileSync(this.#pipe, '.');
  }

  sessionsLeft(): number {
    return readdirSync(this.#place.at('projects/-srv-app')).length;
  }
}

/** The process of its run. */
function childOf({ pid }: Running): number {
  return withDescendants(pid).at(1) ?? Number.NaN;
}

const untilEnded = (pid: number) => until('the process of the run to end', () => hasEnded(pid));

describe('A daemon whose run hangs in a system call', () => {
  it('gives it up when asked to leave, says so, and leaves with 0', async () => {
    const host = new HangingHost();
    const daemon = host.start(PRUNE_EVERY_SECOND);
    await host.untilItHangs();
    const child = childOf(daemon);
    daemon.kill('SIGTERM');
    expect(await daemon.exit).toMatchObject({ code: 0 });
    expect(daemon.log()).toContain('the job did not end in time and was broken off');
    expect(hasEnded(child)).toBe(true);
  });

  it('leaves at once when asked twice, and takes its run along', async () => {
    const host = new HangingHost();
    const daemon = host.start(PRUNE_EVERY_SECOND);
    await host.untilItHangs();
    const child = childOf(daemon);
    daemon.kill('SIGTERM');
    await until('the signal to be heard', () => daemon.log().includes('daemon stopping'));
    daemon.kill('SIGTERM');
    expect(await daemon.exit).toMatchObject({ code: 0 });
    expect(daemon.log()).not.toContain('broken off');
    await untilEnded(child);
  });

  it('answers meanwhile', async () => {
    const host = new HangingHost();
    const daemon = host.start(PRUNE_EVERY_SECOND);
    await host.untilItHangs();
    const metrics = await (await fetch(`${await addressOf(daemon)}/metrics`)).text();
    expect(metrics).toContain('session_sweeper_run_in_progress{job="prune-transcripts"} 1');
  });
});

describe('A daemon that is killed in the middle of a run', () => {
  it('leaves a run behind that ends with its batch, and nobody begins before', async () => {
    const host = new HangingHost();
    const daemon = host.start(PRUNE_EVERY_SECOND);
    await host.untilItHangs();
    const child = childOf(daemon);
    daemon.kill('SIGKILL');
    await daemon.exit;
    expect(await host.run(RUN_NOW)).toMatchObject({
      code: 75,
      stderr: expect.stringContaining('another run is at work in it'),
    });
    expect(hasEnded(child)).toBe(false);
    host.letGo();
    await untilEnded(child);
    expect(SESSIONS - host.sessionsLeft()).toBeLessThanOrEqual(BATCH_SESSIONS);
    expect(await host.run(RUN_NOW)).toMatchObject({ code: 0 });
    expect(host.sessionsLeft()).toBe(0);
  });
});

describe('A daemon whose run dies by a fault in native code', () => {
  it('goes on, says what has become of it, and the next run can take the lock', async () => {
    const host = new HangingHost();
    const daemon = host.start(PRUNE_EVERY_SECOND, { NODE_OPTIONS: `--import=${ABORT}` });
    const address = await addressOf(daemon);
    await until('two runs to fail', async () => {
      const metrics = await (await fetch(`${address}/metrics`)).text();
      return /runs_total\{job="prune-transcripts",outcome="failed"\} [2-9]/.test(metrics) || undefined;
    });
    expect(daemon.log()).toContain('the process of the run died: SIGABRT');
    daemon.kill('SIGTERM');
    expect(await daemon.exit).toMatchObject({ code: 0 });
    expect(await host.run(RUN_NOW)).toMatchObject({ code: 0 });
    expect(host.sessionsLeft()).toBe(0);
  });
});

describe('A run by hand', () => {
  it('hears SIGTERM between two batches, and leaves with 0', async () => {
    const host = new HangingHost();
    const run = host.start(RUN_NOW);
    await host.untilItHangs();
    run.kill('SIGTERM');
    host.letGo();
    expect(await run.exit).toMatchObject({ code: 0 });
    expect(run.log()).toContain('"job finished in part"');
    expect(SESSIONS - host.sessionsLeft()).toBeLessThanOrEqual(BATCH_SESSIONS);
  });

  it('leaves at once when asked twice', async () => {
    const host = new HangingHost();
    const run = host.start(RUN_NOW);
    await host.untilItHangs();
    // Two signals of one kind could be heard as one.
    run.kill('SIGTERM');
    run.kill('SIGINT');
    host.letGo();
    expect(await run.exit).toMatchObject({ code: 0 });
    expect(run.log()).not.toContain('"job finished');
  });
});

/** Ports that a process listens on, in whatever protocol. */
function listeningPorts(pid: number): number[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        // Closed meanwhile.
        return [];
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) => {
    const rows = readFileSync(`/proc/${pid}/net/${table}`, 'latin1').split('\n').slice(1);
    // sl local_address rem_address st … inode; 0A is LISTEN.
    const fields = rows.map((row) => row.trim().split(/\s+/));
    return fields
      .filter(([, , , state, , , , , , inode = '']) => state === '0A' && inodes.has(inode))
      .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16));
  });
}

/** Node opens its debugger from a thread of its own, which the event loop does not wait for. */
const LONGER_THAN_A_DEBUGGER_TAKES_MS = 500;

describe('SIGUSR1 and SIGUSR2', () => {
  it('open no debugger in the daemon nor in its run, end neither, and are told', async () => {
    const host = new HangingHost();
    const daemon = host.start(PRUNE_EVERY_SECOND);
    const port = Number(new URL(await addressOf(daemon)).port);
    await host.untilItHangs();
    const child = childOf(daemon);
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
      for (const pid of [daemon.pid, child]) process.kill(pid, signal);
      await until('the signal to be told', () => daemon.log().includes(`"signal":"${signal}","msg":"signal ignored"`));
    }
    process.kill(child, 'SIGHUP');
    await delay(LONGER_THAN_A_DEBUGGER_TAKES_MS);
    expect(listeningPorts(daemon.pid)).toEqual([port]);
    expect(listeningPorts(child)).toEqual([]);
    host.letGo();
    await until('the run to end', () => daemon.log().includes('"job finished"'));
    expect(daemon.ended()).toBeUndefined();
  });

  it('open none in a plain Node that does not ignore them, or this would show nothing', async () => {
    const { pid, log } = startNode('setInterval(() => undefined, 1_000); console.error("ready")');
    await until('Node to be up', () => log().includes('ready'));
    process.kill(pid, 'SIGUSR1');
    await until('its debugger', () => listeningPorts(pid).length === 1);
  });

  it('end no run by hand', async () => {
    const host = new HangingHost();
    const run = host.start(RUN_NOW);
    await host.untilItHangs();
    run.kill('SIGUSR1');
    run.kill('SIGUSR2');
    host.letGo();
    expect(await run.exit).toMatchObject({ code: 0 });
    expect(host.sessionsLeft()).toBe(0);
  });
});

describe('A daemon that is started and stopped', () => {
  it('tells what it is and what it works on, and then by which signal it left, how long that took, and what was left', async () => {
    const host = new HangingHost();
    const daemon = host.start(PRUNE_EVERY_SECOND);
    await host.untilItHangs();
    daemon.kill('SIGINT');
    await until('the stop to be told', () => daemon.log().includes('"daemon stopping"'));
    host.letGo();
    await daemon.exit;
    const event = (msg: string) => {
      const line = daemon
        .log()
        .split('\n')
        .find((one) => one.endsWith(`"msg":"${msg}"}`));
      return JSON.parse(line ?? '{}') as Record<string, unknown>;
    };
    expect(event('daemon started')).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      node: process.version,
      pid: daemon.pid,
      configFile: null,
      claudeDirs: [expect.any(String)],
      stateDir: expect.any(String),
      nextRuns: { 'prune-transcripts': expect.any(String) },
    });
    expect(event('signal heard: stopping')).toMatchObject({ signal: 'SIGINT' });
    expect(event('daemon stopping')).toMatchObject({ signal: 'SIGINT', running: 'prune-transcripts' });
    expect(event('daemon stopped')).toMatchObject({
      signal: 'SIGINT',
      durationSeconds: expect.any(Number),
      left: ['prune-transcripts'],
    });
  });

  it('ends where the terminal on which it was started is closed, and reads its configuration where that is there', async () => {
    const { flags } = tempPlace();
    const command = [process.execPath, PROGRAM, 'daemon', ...flags, '--listen', '127.0.0.1:0'].join(' ');
    const terminal = start('script', ['-qec', command, '/dev/null']);
    onTestFinished(() => killed(terminal));
    const said = collectedFrom(terminal);
    await until('the daemon', () => said().includes('daemon started'));
    const daemon = withDescendants(terminal.pid).at(-1) ?? Number.NaN;
    process.kill(daemon, 'SIGHUP');
    await until('a reload', () => said().includes('nothing has changed'));
    terminal.kill('SIGKILL');
    await until('the daemon to end', () => hasEnded(daemon));
  });
});

function startNode(script: string): Running {
  const running = start(process.execPath, ['--inspect-port=0', '-e', script]);
  onTestFinished(() => killed(running));
  return running;
}

function collectedFrom({ child }: Running): () => string {
  let text = '';
  child.stdout?.on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}
