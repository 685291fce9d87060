import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { flagOf, SETTING_PATHS, settingTable, variableOf } from '../src/config/settings.ts';
import { createMetrics } from '../src/daemon/metrics-page.ts';
import { ERROR_KINDS, EXIT_CODE_MEANINGS, EXIT_CODES, type ExitKind } from '../src/exit-codes.ts';
import { GUARD_NAMES } from '../src/jobs/guards/guards.ts';
import { LATE_KEEP_REASONS } from '../src/jobs/prune-transcripts/applied-plan.ts';
import { KEEP_REASONS } from '../src/jobs/prune-transcripts/plan.ts';
import { silentLogger } from '../src/log.ts';
import { NO_TOTALS } from '../src/runs/figures-registry.ts';
import { resolveConfig } from './support/resolved-config.ts';

const top = new URL('../', import.meta.url);
const pages = [
  ...readdirSync(top).filter((name) => name.endsWith('.md')),
  ...readdirSync(new URL('docs', top)).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'));

function read(page: string): string {
  return readFileSync(new URL(page, top), 'utf8');
}

const readme = read('README.md');
const packageJson = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
  scripts: Record<string, string>;
};

/** The rows of the first table under a heading, without its head. */
function tableUnder(page: string, heading: string): string[] {
  const section = read(page).split(`# ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1);
}

describe('The documentation', () => {
  it('lists every setting as the code has it', () => {
    const table = settingTable({ home: '/' });
    const rows = SETTING_PATHS.map((path) => {
      const { defaultText, description } = table[path];
      return `| \`${path}\` | \`${flagOf(path)}\` | \`${variableOf(path)}\` | ${defaultText} | ${description} |`;
    });
    expect(tableUnder('docs/configuration.md', 'Configuration')).toEqual(rows);
  });

  it('lists every exit code with its meaning', () => {
    const rows = Object.entries(EXIT_CODES).map(
      ([kind, code]) => `| ${code} | ${EXIT_CODE_MEANINGS[kind as ExitKind]} |`,
    );
    expect(tableUnder('docs/operating.md', 'Exit codes')).toEqual(rows);
  });

  it('says what to do about every kind of error, and about every guard', () => {
    const text = read('docs/operating.md');
    for (const kind of ERROR_KINDS) expect(text).toContain(`| ${EXIT_CODES[kind]}, \`${kind}\` |`);
    expect(text).toContain(`| ${EXIT_CODES.held}, \`held\` |`);
    for (const guard of GUARD_NAMES) expect(text).toContain(`| \`${guard}\` |`);
  });

  it('lists every metric with its type, its labels and its help', async () => {
    const metrics = createMetrics({
      version: '0',
      log: silentLogger,
      figures: () => [],
      host: async () => [],
      dueAfterMs: () => undefined,
      nowMs: () => 0,
      resumeTotals: async () => NO_TOTALS,
      nextRunMs: () => 0,
      runningJob: () => undefined,
      reload: () => ({ isSuccessful: true, lastSuccessAtMs: 0 }),
    });
    const shown = await metrics.render();
    const ours = [...shown.matchAll(/^# HELP ((?:session_sweeper|claude_session)_\w+) (.*)\n# TYPE \w+ (\w+)$/gm)];
    expect(ours.length).toBeGreaterThan(15);
    const described = new Map(tableUnder('docs/operating.md', 'Metrics').map((row) => [row.split('`')[1], row]));
    expect([...described.keys()].sort()).toEqual(ours.map(([, name]) => name).sort());
    for (const [, name, help, type] of ours) {
      const [, , typeCell, labelCell, meaning] = (described.get(name) ?? '').split('|').map((cell) => cell.trim());
      expect({ type: typeCell, meaning }, name).toEqual({ type, meaning: help });
      // The bucket label is Prometheus' own.
      const series = shown.match(new RegExp(`^${name}(?:_count)?\\{([^}]*)\\}`, 'm'))?.[1] ?? '';
      const labels = [...series.matchAll(/(\w+)="/g)].map(([, label]) => `\`${label}\``);
      if (series !== '') expect(labelCell, name).toBe(labels.join(', '));
    }
  });

  it('names every reason to keep a session', () => {
    const text = read('docs/how-it-works.md');
    for (const reason of [...KEEP_REASONS, ...LATE_KEEP_REASONS]) expect(text).toContain(`\`${reason}\``);
  });

  it('gives two commands that exist: one that looks, one that tests', () => {
    expect(readme).toContain('```sh\nnpm ci && npm run dry-run\n```');
    expect(readme).toContain('```sh\nnpm ci && npm test\n```');
    expect(packageJson.scripts['dry-run']).toContain('--run-now --dry-run');
    expect(packageJson.scripts.test).toContain('vitest run');
  });

  it('shows a configuration file that is one', () => {
    const text = read('docs/configuration.md').split('```yaml\n')[1]?.split('```')[0] ?? '';
    const { config } = resolveConfig({ flags: {}, environment: {}, home: '/home/x', file: { path: '/c.yaml', text } });
    expect(config).toMatchObject({ maxTotalBytes: 50 * 2 ** 30, 'trash.keep': 14 * 86_400_000 });
    expect(config.projects).toHaveLength(2);
  });

  it('shows whom to tell of runs by a configuration that is one', () => {
    const text = read('docs/monitoring.md').split('```yaml\n')[1]?.split('```')[0] ?? '';
    const { config } = resolveConfig({ flags: {}, environment: {}, home: '/home/x', file: { path: '/c.yaml', text } });
    expect(Object.keys(config.hooks)).toEqual(['after', 'onFailure', 'onHeld', 'onNotice', 'timeout']);
    expect([config['ping.url'], config['webhook.url']]).not.toContain('off');
  });

  it('shows who may read it by a configuration that is one', () => {
    const text = read('docs/monitoring.md').split('```yaml\n')[2]?.split('```')[0] ?? '';
    const { config } = resolveConfig({ flags: {}, environment: {}, home: '/home/x', file: { path: '/c.yaml', text } });
    expect([config['http.tokenFile'], config['http.tls']]).not.toContain('off');
  });

  it.each(pages)('leads nowhere that is not there: %s', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter(isOurs);
    const dead = links.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = new URL(path === '' ? page : path, new URL(path === '' ? '' : page, top));
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor));
    });
    expect(dead).toEqual([]);
  });

  it('is read in two screens, where it begins', () => {
    expect(readme.split('\n').length).toBeLessThan(120);
  });

  it('has an entry of this version in the changelog', () => {
    expect(read('CHANGELOG.md')).toContain(`\n## ${packageJson.version}\n`);
  });
});

function isOurs(link: string): boolean {
  return !/^[a-z]+:/.test(link);
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
