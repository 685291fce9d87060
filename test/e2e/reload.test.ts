import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { startProgram } from '../support/forked.ts';
import { addressOf, type Running, runProgram, sendSignal, withDescendants } from '../support/process.ts';
import { seriesValue } from '../support/prometheus-text.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

const NEVER_SOON = '0 0 1 1 *';
const EVERY_SECOND = '* * * * * *';

/** A daemon that goes by a file, and what it says. */
class ReloadedDaemon {
  readonly place = tempPlace();
  readonly file = join(tempDir(), 'config.yaml');
  readonly daemon: Running;

  /** @param sessions how many have expired */
  constructor(settings: Readonly<Record<string, unknown>>, sessions = 0) {
    this.write(settings);
    for (let number = 1; number <= sessions; number += 1) {
      makeSession(this.place.claudeDir, { id: sessionIdOf(number), ageMs: 40 * DAY_MS });
    }
    this.daemon = startProgram(['--config', this.file]);
  }

  write(settings: Readonly<Record<string, unknown>>): void {
    const { claudeDir, stateDir } = this.place;
    const schedule = { prune: NEVER_SOON, sweep: NEVER_SOON, purge: NEVER_SOON, jitter: '1ms' };
    writeFileSync(
      this.file,
      JSON.stringify({ claudeDir: [claudeDir], stateDir, listen: '127.0.0.1:0', schedule, ...settings }),
    );
  }

  /** Sends SIGHUP. @returns the event that comes of it */
  async reloaded(): Promise<Record<string, unknown>> {
    const before = this.#events().length;
    this.daemon.kill('SIGHUP');
    return until('the configuration to be read', () => this.#events()[before]);
  }

  #events(): Record<string, unknown>[] {
    const lines = this.daemon.log().split('\n').slice(0, -1);
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    return events.filter(({ msg }) => String(msg).startsWith('configuration re'));
  }

  async metrics(address?: string): Promise<string> {
    return (await fetch(`${address ?? (await addressOf(this.daemon))}/metrics`)).text();
  }

  async reloadMetrics(): Promise<(number | undefined)[]> {
    const metrics = await this.metrics();
    return ['successful', 'success_timestamp_seconds'].map((name) =>
      seriesValue(metrics, `session_sweeper_config_last_reload_${name}`),
    );
  }
}

const at = (name: string, pattern: string) => ({
  schedule: { prune: NEVER_SOON, sweep: NEVER_SOON, purge: NEVER_SOON, jitter: '1ms', [name]: pattern },
});

/** Empty for a process that is gone. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

async function takenAddress(): Promise<string> {
  const occupant = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void occupant.close());
  await until('a port that is taken', () => occupant.listening);
  return `127.0.0.1:${(occupant.address() as AddressInfo).port}`;
}

describe('SIGHUP', () => {
  it('puts the file as it stands now in force, and tells what has changed', async () => {
    const host = new ReloadedDaemon({ maxAge: 'never' }, 1);
    await addressOf(host.daemon);
    const [atStart, startedAt = 0] = await host.reloadMetrics();
    expect(atStart).toBe(1);
    host.write({ maxAge: '30d', logLevel: 'debug', ...at('prune', EVERY_SECOND) });
    expect(await host.reloaded()).toMatchObject({
      msg: 'configuration reloaded',
      configFile: host.file,
      changed: {
        maxAge: { from: 'never', to: '30d' },
        'schedule.prune': { from: NEVER_SOON, to: EVERY_SECOND },
        logLevel: { from: 'info', to: 'debug' },
      },
    });
    const transcript = join(host.place.claudeDir, `projects/-srv-app/${sessionIdOf(1)}.jsonl`);
    await until('a prune by the new age', () => !existsSync(transcript));
    await until('the metric', async () => Number((await host.reloadMetrics())[1]) > startedAt);
    expect((await host.reloadMetrics())[0]).toBe(1);
  });

  it('refuses a file with a fault, names it, and goes on by the old one', async () => {
    const host = new ReloadedDaemon({});
    await addressOf(host.daemon);
    const [, startedAt] = await host.reloadMetrics();
    for (const [settings, fault] of [
      [{ maxAge: 'soon' }, /maxAge: "soon": expected a duration/],
      [{ maxAgee: '30d' }, /maxAgee: there is no such setting/],
      [at('prune', '61 * * * *'), /schedule\.prune/],
      [{ claudeDir: ['/nonexistent/.claude'] }, /open Claude directory \/nonexistent\/\.claude/],
    ] as const) {
      host.write(settings);
      expect(await host.reloaded()).toMatchObject({
        msg: 'configuration refused: the old one stays in force',
        faults: [expect.stringMatching(fault)],
      });
      // A page is shown for a tenth of a second.
      await until('the metric', async () => isDeepStrictEqual(await host.reloadMetrics(), [0, startedAt]));
    }
    rmSync(host.file);
    expect(await host.reloaded()).toMatchObject({ faults: [expect.stringContaining(host.file)] });
    expect((await fetch(`${await addressOf(host.daemon)}/readyz`)).status).toBe(200);
    host.write({});
    expect(await host.reloaded()).toMatchObject({ msg: 'configuration reloaded: nothing has changed' });
    await until('the metric', async () => (await host.reloadMetrics())[0] === 1);
  });

  it('says that nothing has changed where there is no file', async () => {
    const { flags } = tempPlace();
    const daemon = startProgram([...flags, '--listen', '127.0.0.1:0', '--schedule-prune', NEVER_SOON]);
    await addressOf(daemon);
    daemon.kill('SIGHUP');
    await until('an answer', () => daemon.log().includes('"configuration reloaded: nothing has changed"'));
    expect(daemon.ended()).toBeUndefined();
  });

  it('shows no secret of what has changed', async () => {
    const host = new ReloadedDaemon({});
    await addressOf(host.daemon);
    host.write({ projects: [{ match: 'token=hunter2', maxAge: '2d' }] });
    const event = await host.reloaded();
    expect(event).toMatchObject({ changed: { projects: { from: '[]', to: expect.stringContaining('***') } } });
    expect(host.daemon.log()).not.toContain('hunter2');
  });

  it('takes Claude directories and the state directory over, with their locks', async () => {
    const host = new ReloadedDaemon({});
    await addressOf(host.daemon);
    const [other, taken] = [tempPlace(), tempPlace()];
    await addressOf(startProgram([...taken.flags, '--listen', '127.0.0.1:0']));
    host.write({ claudeDir: [other.claudeDir, taken.claudeDir] });
    expect(await host.reloaded()).toMatchObject({ faults: [expect.stringContaining('another worker')] });
    // What was taken on the way is given back.
    const free = await runProgram([...other.flags, '--listen', 'off', '--sessions-db', '/nonexistent/a.db']);
    expect(free.stderr).not.toContain('another worker');

    host.write({ claudeDir: [other.claudeDir], stateDir: other.stateDir });
    expect(await host.reloaded()).toMatchObject({ changed: { stateDir: { to: other.stateDir } } });
    expect((await runProgram([...other.flags, '--listen', 'off'])).code).toBe(75);
    const first = startProgram([...host.place.flags, '--listen', '127.0.0.1:0']);
    await addressOf(first);
    expect((await runProgram([...other.flags, '--run-now'])).code).toBe(0);
    const series = 'session_sweeper_runs_total{job="prune-transcripts",outcome="ok"}';
    expect(seriesValue(await host.metrics(), series)).toBe(1);
  });

  it('listens elsewhere, also where the new address takes in the old one', async () => {
    const host = new ReloadedDaemon({});
    const address = await addressOf(host.daemon);
    const port = new URL(address).port;
    host.write({ listen: `0.0.0.0:${port}` });
    expect(await host.reloaded()).toMatchObject({ changed: { listen: { to: `0.0.0.0:${port}` } } });
    expect((await fetch(`http://127.0.0.2:${port}/healthz`)).status).toBe(200);
    host.write({ listen: 'off' });
    expect(await host.reloaded()).toMatchObject({ changed: { listen: { to: 'off' } } });
    await expect(fetch(`${address}/healthz`)).rejects.toThrow();
  });

  it('stays where it is, with all of the old configuration, where the new address is taken', async () => {
    const host = new ReloadedDaemon({});
    const address = await addressOf(host.daemon);
    const port = Number(new URL(address).port);
    for (const listen of [await takenAddress(), `192.0.2.1:${port}`]) {
      host.write({ listen, maxAge: '60d' });
      expect(await host.reloaded()).toMatchObject({ faults: [expect.stringContaining(`listen on ${listen}`)] });
      expect((await fetch(`${address}/healthz`)).status).toBe(200);
    }
    host.write({ maxAge: '60d' });
    const { changed } = await host.reloaded();
    expect(changed).toEqual({ maxAge: { from: '30d', to: '60d' } });
  });

  it('lets a run that is at work end by the old configuration, and write itself down there', async () => {
    const host = new ReloadedDaemon(at('prune', EVERY_SECOND), 300);
    const other = tempPlace();
    await until('a run', async () => /run_in_progress\{job="prune-transcripts"\} 1/.test(await host.metrics()));
    host.write({ stateDir: other.stateDir, maxAge: 'never' });
    await host.reloaded();
    await until('the run to end', () => /"removed":\{"sessions":300/.test(host.daemon.log()));
    const ledger = Ledger.openForReading(host.place.stateDir);
    expect(ledger?.lastRun('prune-transcripts')).toMatchObject({ outcome: 'ok' });
    ledger?.close();
    host.daemon.kill('SIGTERM');
    expect(await host.daemon.exit).toMatchObject({ code: 0 });
  });

  it('holds the lock of a run that is at work, whatever has come and been refused since', async () => {
    const host = new ReloadedDaemon(at('prune', EVERY_SECOND), 300);
    await addressOf(host.daemon);
    const { pid } = host.daemon;
    const [run] = await until('a run', () => {
      // One that is stopped before it is a program of its own stops the daemon, too.
      const begun = withDescendants(pid).filter((child) => commandOf(child) !== commandOf(pid));
      return begun.length > 0 && begun;
    });
    sendSignal(run ?? pid, 'SIGSTOP');
    const other = tempPlace();
    host.write({ claudeDir: [other.claudeDir] });
    expect(await host.reloaded()).toMatchObject({ msg: 'configuration reloaded' });
    const taken = await takenAddress();
    host.write({ claudeDir: [other.claudeDir], listen: taken });
    expect(await host.reloaded()).toMatchObject({ faults: [expect.stringContaining(taken)] });
    const second = await host.place.run(['--listen', 'off', '--state-dir', other.stateDir]);
    expect(second).toMatchObject({ code: 75, stderr: expect.stringContaining('another worker') });
    sendSignal(run ?? pid, 'SIGCONT');
  });
});
