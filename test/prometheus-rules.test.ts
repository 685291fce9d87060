import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { createMetrics } from '../src/daemon/metrics-page.ts';
import { silentLogger } from '../src/log.ts';
import { NO_TOTALS } from '../src/runs/figures-registry.ts';
import { throwIfMissing } from './support/installed.ts';
import { REPOSITORY, run } from './support/process.ts';
import { tempDir } from './support/temp-dir.ts';

const directory = join(REPOSITORY, 'deploy/prometheus');
const RULE_FILES = ['rules.yml', 'alerts.yml'];

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}

interface CaseFile {
  readonly tests: readonly {
    readonly promql_expr_test: readonly { readonly expr: string; readonly exp_samples: readonly object[] }[];
  }[];
}

function read(name: string): string {
  return readFileSync(join(directory, name), 'utf8');
}

function rulesOf(file: RuleFile): readonly Rule[] {
  return file.groups.flatMap(({ rules }) => rules);
}

const alerts = rulesOf(parse(read('alerts.yml')) as RuleFile);
const rules = [...rulesOf(parse(read('rules.yml')) as RuleFile), ...alerts];

beforeAll(() => {
  throwIfMissing('promtool', 'prometheus');
  throwIfMissing('jsonnet', 'jsonnet');
});

describe('the rules for Prometheus', () => {
  it('are taken by promtool', async () => {
    const { code, stdout, stderr } = await run('promtool', ['check', 'rules', ...RULE_FILES], { cwd: directory });
    expect(code, stdout + stderr).toBe(0);
  });

  it('stand in a configuration of Prometheus beside the snippet that scrapes', async () => {
    const file = join(tempDir(), 'prometheus.yml');
    const rule_files = RULE_FILES.map((name) => join(directory, name));
    writeFileSync(file, stringify({ ...(parse(read('scrape.yml')) as object), rule_files }));
    const { code, stdout, stderr } = await run('promtool', ['check', 'config', file]);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain(`${alerts.length} rules found`);
  });

  it('fire in the cases that are written down beside them, and in no others', async () => {
    const { code, stdout, stderr } = await run('promtool', ['test', 'rules', 'alerts.test.yml'], { cwd: directory });
    expect(code, stdout + stderr).toBe(0);
  });

  it.each(alerts.map(({ alert = '' }) => alert))('have a case in which it fires, and one in which not: %s', (alert) => {
    const { tests } = parse(read('alerts.test.yml')) as CaseFile;
    const cases = tests
      .flatMap(({ promql_expr_test }) => promql_expr_test)
      .filter(({ expr }) => expr === `ALERTS{alertname="${alert}", alertstate="firing"}`);
    expect(cases.some(({ exp_samples }) => exp_samples.length > 0)).toBe(true);
    expect(cases.some(({ exp_samples }) => exp_samples.length === 0)).toBe(true);
  });

  it('name no metric that there is not, and no job of Prometheus where one of ours is meant', async () => {
    const page = await createMetrics({
      version: '0',
      log: silentLogger,
      figures: () => [],
      host: async () => [],
      dueAfterMs: () => undefined,
      nowMs: () => 0,
      resumeTotals: async () => NO_TOTALS,
      nextRunMs: () => undefined,
      runningJob: () => undefined,
      reload: () => ({ isSuccessful: true, lastSuccessAtMs: 0 }),
    }).render();
    const known = new Set([
      ...Array.from(page.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name),
      ...rules.flatMap(({ record }) => record ?? []),
    ]);
    const named = rules.flatMap(
      ({ expr }) => expr.match(/\b(?:instance:)?(?:session_sweeper|claude_session)_[\w:]+/g) ?? [],
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    expect(rules.filter(({ expr }) => /\bjob="(?!claude-session-sweeper")/.test(expr))).toEqual([]);
  });

  it('count Claude’s own event as the collector does that they come with', () => {
    const { connectors } = parse(read('otel-collector.yml')) as {
      readonly connectors: { readonly count: { readonly logs: object } };
    };
    const counted = Object.keys(connectors.count.logs).map((name) => `${name.replaceAll('.', '_')}_total`);
    const [claudes] = alerts.filter(({ alert }) => alert === 'ClaudeRetentionSweepDeletes');
    expect(claudes?.expr.match(/claude_code_\w+/g)).toEqual(counted);
  });
});

describe('an alert', () => {
  it.each(alerts)('leads to what the documentation says of it: $alert', ({ alert = '', annotations = {} }) => {
    expect(annotations.runbook_url).toBe(`docs/monitoring.md#${alert.toLowerCase()}`);
    const sections = readFileSync(join(REPOSITORY, 'docs/monitoring.md'), 'utf8').split('\n### ').slice(1);
    const section = sections.find((text) => text.startsWith(`${alert}\n`)) ?? '';
    expect(section.length, 'what to do').toBeGreaterThan(alert.length + 100);
    expect(annotations).toMatchObject({ summary: expect.any(String), description: expect.any(String) });
  });

  it.each(alerts)('is a warning or critical: $alert', ({ labels }) => {
    expect(labels?.severity).toMatch(/^(?:warning|critical)$/);
  });
});

describe('the mixin', () => {
  async function evaluated(field: string, config = '{}'): Promise<unknown> {
    const code = `((import 'mixin.libsonnet') + { _config+:: ${config} }).${field}`;
    const { stdout, stderr, code: exitCode } = await run('jsonnet', ['-e', code], { cwd: directory });
    expect(exitCode, stderr).toBe(0);
    return JSON.parse(stdout);
  }

  it('has the same rules, and the dashboard', async () => {
    const name = 'claude-session-sweeper.json';
    const dashboard: unknown = JSON.parse(readFileSync(join(REPOSITORY, 'deploy/grafana', name), 'utf8'));
    expect(await evaluated('grafanaDashboards')).toEqual({ [name]: dashboard });
    expect(await evaluated('prometheusRules')).toEqual(parse(read('rules.yml')));
    expect(await evaluated('prometheusAlerts')).toEqual(parse(read('alerts.yml')));
  });

  it('puts an address in front of each runbook, and labels on each alert', async () => {
    const config = `{ runbookPrefix: 'https://docs/', alertLabels: { team: 'bots' } }`;
    const changed = rulesOf((await evaluated('prometheusAlerts', config)) as RuleFile);
    expect(changed).toEqual(
      alerts.map((alert) => ({
        ...alert,
        labels: { ...alert.labels, team: 'bots' },
        annotations: { ...alert.annotations, runbook_url: `https://docs/${alert.annotations?.runbook_url}` },
      })),
    );
  });
});
