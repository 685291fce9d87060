import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { makeCertificate } from '../support/certificate.ts';
import { startProgram } from '../support/forked.ts';
import type { Place } from '../support/place.ts';
import { addressOf, REPOSITORY } from '../support/process.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, makeTree, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

const EVERY_SECOND = ['prune', 'sweep', 'purge'].flatMap((job) => [`--schedule-${job}`, '* * * * * *']);

async function startDaemon({ flags }: Place, ...args: string[]) {
  const often = [...EVERY_SECOND, '--schedule-jitter', '1ms', '--listen', '127.0.0.1:0'];
  const daemon = startProgram([...flags, ...often, ...args]);
  return { daemon, address: (await addressOf(daemon)).replace('http://', '') };
}

/** As the snippet of the package scrapes, from where the daemon of the test listens. */
function scrapeOf(address: string): object {
  const file = readFileSync(join(REPOSITORY, 'deploy/prometheus/scrape.yml'), 'utf8');
  const { scrape_configs } = parse(file) as { readonly scrape_configs: readonly object[] };
  return { ...scrape_configs[0], scrape_interval: '1s', static_configs: [{ targets: [address] }] };
}

/** The same with the lines for a certificate and a token, which stand there as comments. */
function secureScrapeOf(address: string, caFile: string, tokenFile: string): object {
  const file = readFileSync(join(REPOSITORY, 'deploy/prometheus/scrape.yml'), 'utf8');
  const lines = file.replaceAll(/^( +)# ( *[a-z_]+:( \S+)?)$/gm, '$1$2');
  const text = lines
    .replace('/etc/prometheus/session-sweeper-ca.pem', caFile)
    .replace('/etc/prometheus/session-sweeper-token', tokenFile);
  const { scrape_configs } = parse(text) as { readonly scrape_configs: readonly object[] };
  return { ...scrape_configs[0], scrape_interval: '1s', static_configs: [{ targets: [address] }] };
}

/** The rules of the package, asked each second and without a wait: nothing else of them is another. */
function hastyRules(): string[] {
  const directory = tempDir();
  return ['rules.yml', 'alerts.yml'].map((name) => {
    const text = readFileSync(join(REPOSITORY, 'deploy/prometheus', name), 'utf8');
    const { groups } = parse(text) as { readonly groups: readonly { readonly rules: readonly object[] }[] };
    const hasty = groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => ({ ...rule, for: undefined })),
    }));
    writeFileSync(join(directory, name), stringify({ groups: hasty }));
    return join(directory, name);
  });
}

/** As if the record of runs had begun so long ago, and no run had ended well since. */
function beginEarlier({ stateDir }: Place, byMs: number): void {
  const database = new Database(join(stateDir, 'ledger.db'));
  const sql = `UPDATE clock SET history = json_set(history, '$.sinceMs', ${Date.now() - byMs})`;
  database.exec(sql);
  database.close();
}

function countResume({ stateDir }: Place): void {
  const host = `import { openResumeMap } from 'claude-session-sweeper';
    const map = await openResumeMap({ stateDir: ${JSON.stringify(stateDir)} });
    await map.incrementSessionResumeAttempts();
    await map.events.count('restored');
    await map.close();`;
  execFileSync(process.execPath, ['--input-type=module', '-e', host]);
}

describe('a real Prometheus that scrapes a real daemon', () => {
  it('tells that no prune has ever ended well, and by which source, and stops when one has', async () => {
    const place = tempPlace();
    makeSession(place.claudeDir, { id: sessionIdOf(1), ageMs: 40 * DAY_MS });
    const never = ['prune', 'sweep', 'purge'].flatMap((job) => [`--schedule-${job}`, '0 0 1 1 *']);
    const first = await startDaemon(place, ...never);
    first.daemon.kill('SIGTERM');
    await first.daemon.exit;
    beginEarlier(place, 3 * DAY_MS);
    // Pins that cannot be read: nothing may go.
    const pins = join(place.stateDir, 'pins');
    symlinkSync('/nonexistent', pins);
    const { address } = await startDaemon(place);
    const prometheus = await startPrometheus(scrapeOf(address), hastyRules());
    const alert = 'SessionSweeperPruneOverdue';
    const annotations = await until(alert, async () => (await prometheus.firing()).get(alert));
    expect(annotations.summary).toMatch(/^The prune of 127\.0\.0\.1:\d+ is overdue: none has ended well in time \(\d/);
    const source = 'SessionSweeperLiveSourceDown';
    await until(source, async () =>
      (await prometheus.firing()).get(source)?.summary?.startsWith('The live source keep-list of'),
    );
    rmSync(pins);
    await until('their end', async () => {
      const firing = await prometheus.firing();
      return !firing.has(alert) && !firing.has(source);
    });
    expect(await prometheus.query('up == 1')).toHaveLength(1);
  });

  it('is answered with a token and by a certificate, and by the one that takes its place', async () => {
    const directory = tempDir();
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, 's3cret-s3cret-s3cret\n');
    const files = makeCertificate(directory, 'first');
    const renewed = makeCertificate(directory, 'renewed');
    const args = ['--http-token-file', tokenFile, '--http-tls', JSON.stringify(files)];
    const { daemon, address } = await startDaemon(tempPlace(), ...args);
    const authorities = join(directory, 'ca.pem');
    writeFileSync(authorities, readFileSync(renewed.cert));
    const prometheus = await startPrometheus(secureScrapeOf(address, authorities, tokenFile));
    // It trusts the second alone.
    await until('a scrape in vain', async () => (await prometheus.query('up == 0')).length === 1);
    for (const part of ['cert', 'key'] as const) writeFileSync(files[part], readFileSync(renewed[part]));
    daemon.kill('SIGHUP');
    await until('a scrape', async () => (await prometheus.query('up == 1')).length === 1);
    expect(daemon.log()).not.toContain('s3cret-s3cret');
    expect(daemon.log()).toContain('"HTTPS is served by this certificate from now on"');
  });

  it('has data for every query of the dashboard', async () => {
    const place = tempPlace();
    makeTree(place.claudeDir, { sessions: 60, seed: 12 });
    const { address } = await startDaemon(place);
    const prometheus = await startPrometheus(scrapeOf(address));
    const attempts = 'claude_session_resume_attempts_total';
    await until('a first scrape', async () => (await prometheus.query(attempts)).length > 0);
    countResume(place);
    const empty = await until('data everywhere, or for long enough', async () => {
      const without = [];
      for (const query of dashboardQueries()) {
        const series = await prometheus.query(query);
        if (!series.some(({ value: [, value] }) => value !== 'NaN')) without.push(query);
      }
      return without.length === 0 ? without : undefined;
    });
    expect(empty).toEqual([]);
  });
});

function dashboardQueries(): string[] {
  const text = readFileSync(join(REPOSITORY, 'deploy/grafana/claude-session-sweeper.json'), 'utf8');
  const { panels } = JSON.parse(text) as {
    readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
  };
  const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  expect(queries.length).toBeGreaterThan(20);
  // As Grafana does for “All”.
  return queries.map((query) => query.replaceAll('$instance', '.*'));
}
