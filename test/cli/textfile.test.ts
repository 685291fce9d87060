import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProgram } from '../support/forked.ts';
import { throwIfMissing } from '../support/installed.ts';
import type { Place } from '../support/place.ts';
import { addressOf, start } from '../support/process.ts';
import { metricsFault, seriesValue } from '../support/prometheus-text.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

function placeWithFile() {
  const place = tempPlace();
  makeSession(place.claudeDir, { id: sessionIdOf(1), ageMs: 40 * DAY_MS });
  const file = join(place.directory, 'collector/sweeper.prom');
  mkdirSync(dirname(file));
  return { place, file };
}

function runNow(place: Place, file: string, ...args: string[]) {
  return place.run(['--run-now', '--metrics-textfile', file, ...args]);
}

const REMOVED = 'session_sweeper_transcripts_removed_total{reason="expired"}';

describe('metrics.textfile', () => {
  it('has what the run did, for everybody to read, and nothing unfinished beside it', async () => {
    const { place, file } = placeWithFile();
    const { code, stderr } = await runNow(place, file);
    expect(code, stderr).toBe(0);
    const text = readFileSync(file, 'utf8');
    expect(metricsFault(text)).toBeUndefined();
    expect(seriesValue(text, REMOVED)).toBe(1);
    expect(seriesValue(text, 'claude_session_resume_attempts_total')).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    expect(readdirSync(dirname(file))).toEqual(['sweeper.prom']);
  });

  it('is what promtool takes without a word', async () => {
    throwIfMissing('promtool', 'prometheus');
    const { place, file } = placeWithFile();
    await runNow(place, file);
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: readFileSync(file) });
    expect([status, `${stdout}${stderr}`]).toEqual([0, '']);
  });

  it('is shown by a real node_exporter, what is unknown included', async () => {
    throwIfMissing('prometheus-node-exporter', 'prometheus-node-exporter');
    const { place, file } = placeWithFile();
    await runNow(place, file, '--job', 'prune-transcripts');
    const exporter = start('prometheus-node-exporter', [
      ...['--collector.disable-defaults', '--collector.textfile', '--web.listen-address=127.0.0.1:0'],
      `--collector.textfile.directory=${dirname(file)}`,
    ]);
    onTestFinished(async () => {
      exporter.kill('SIGKILL');
      await exporter.exit;
    });
    const port = await until('its port', () => /Listening on" address=127\.0\.0\.1:(\d+)/.exec(exporter.log())?.[1]);
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(seriesValue(page, 'node_textfile_scrape_error')).toBe(0);
    expect(seriesValue(page, REMOVED)).toBe(1);
    expect(seriesValue(page, 'session_sweeper_run_last_success_timestamp_seconds{job="purge-trash"}')).toBeNaN();
  });

  it('says the same as a daemon that comes after', async () => {
    const { place, file } = placeWithFile();
    await runNow(place, file);
    const never = ['prune', 'sweep', 'purge'].flatMap((job) => [`--schedule-${job}`, '0 0 1 1 *']);
    const daemon = startProgram([...place.flags, ...never, '--listen', '127.0.0.1:0']);
    const page = await (await fetch(`${await addressOf(daemon)}/metrics`)).text();
    const sizes = /^session_sweeper_(?:database|disk)_/;
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => !sizes.test(line));
    expect(lines.filter((line) => !page.includes(`${line}\n`))).toEqual([]);
    expect(lines.filter((line) => line.startsWith('session_sweeper_')).length).toBeGreaterThan(50);
  });

  it('is written after a run that a live source has failed too, and says so', async () => {
    const { place, file } = placeWithFile();
    mkdirSync(place.stateDir);
    symlinkSync('/nonexistent', join(place.stateDir, 'pins'));
    const { code } = await runNow(place, file);
    expect(code).not.toBe(0);
    const text = readFileSync(file, 'utf8');
    expect(seriesValue(text, 'session_sweeper_runs_total{job="prune-transcripts",outcome="failed"}')).toBe(1);
    const lastSuccess = 'session_sweeper_run_last_success_timestamp_seconds{job="prune-transcripts"}';
    expect(seriesValue(text, lastSuccess)).toBeNaN();
    expect(seriesValue(text, 'session_sweeper_ledger_begun_timestamp_seconds')).toBeGreaterThan(0);
  });

  it('fails no run that cannot write it, and the log says why', async () => {
    const { place, file } = placeWithFile();
    const { code, stderr, stdout } = await runNow(place, join(dirname(file), 'away/sweeper.prom'));
    expect(code).toBe(0);
    expect(stdout).toContain('1 session');
    expect(stderr).toContain('metrics could not be written');
    expect(existsSync(place.at(`projects/-srv-app/${sessionIdOf(1)}.jsonl`))).toBe(false);
  });

  it('is not touched by a dry run', async () => {
    const { place, file } = placeWithFile();
    expect((await runNow(place, file, '--dry-run')).code).toBe(0);
    expect(readdirSync(dirname(file))).toEqual([]);
  });

  it('takes the place of what a killed run left, and writes through no link', async () => {
    const { place, file } = placeWithFile();
    const outside = join(place.directory, 'outside');
    writeFileSync(outside, 'theirs');
    symlinkSync(outside, join(dirname(file), '.sweeper.prom.unfinished'));
    symlinkSync(outside, file);
    expect((await runNow(place, file)).code).toBe(0);
    expect(readFileSync(outside, 'utf8')).toBe('theirs');
    expect(seriesValue(readFileSync(file, 'utf8'), REMOVED)).toBe(1);
    expect(readdirSync(dirname(file))).toEqual(['sweeper.prom']);
  });
});
