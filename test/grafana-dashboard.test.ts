import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from './support/process.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly thresholds?: { readonly steps: readonly object[] } };
  };
  readonly targets?: readonly { readonly expr: string; readonly datasource: object; readonly refId: string }[];
  readonly links?: readonly { readonly url: string }[];
}

interface Dashboard {
  readonly __inputs: readonly { readonly name: string; readonly type: string }[];
  readonly schemaVersion: number;
  readonly id?: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly links: readonly { readonly url: string }[];
  readonly panels: readonly Panel[];
}

const text = readFileSync(join(REPOSITORY, 'deploy/grafana/claude-session-sweeper.json'), 'utf8');
const dashboard = JSON.parse(text) as Dashboard;
const rows = dashboard.panels.filter(({ type }) => type === 'row');
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

function isThere(url: string): boolean {
  const [, page = '', anchor = ''] = /^\$\{docs\}(docs\/[\w-]+\.md)#([\w-]+)$/.exec(url) ?? [];
  const path = join(REPOSITORY, page);
  if (page === '' || !existsSync(path)) return false;
  const headings = [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return headings.some((heading) => heading.toLowerCase().replaceAll(' ', '-') === anchor);
}

function overlap(left: Panel['gridPos'], right: Panel['gridPos']): boolean {
  const across = left.x < right.x + right.w && right.x < left.x + left.w;
  return across && left.y < right.y + right.h && right.y < left.y + left.h;
}

describe('the dashboard for Grafana', () => {
  it('asks at its import for the data source and for where the documentation is read', () => {
    expect(dashboard.__inputs.map(({ name, type }) => [name, type])).toEqual([
      ['DS_PROMETHEUS', 'datasource'],
      ['VAR_DOCS', 'constant'],
    ]);
    expect(dashboard.id).toBeUndefined();
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39);
  });

  it('lets one choose the instance, and asks every query for that', () => {
    expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toContainEqual(['instance', 'query']);
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    for (const expr of expressions) {
      const selectors = expr.match(/\b(?:session_sweeper|claude_session)_\w+(?:\{[^}]*\})?/g) ?? [];
      expect(selectors.filter((one) => !one.endsWith('{instance=~"$instance"}'))).toEqual([]);
      expect(selectors.length).toBeGreaterThan(0);
    }
  });

  it('has panels of their own ids, in rows, none over another', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(rows.length).toBeGreaterThan(3);
    for (const [index, { gridPos, title }] of dashboard.panels.entries()) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      const others = dashboard.panels.slice(index + 1);
      expect(others.filter((other) => overlap(gridPos, other.gridPos)).map((other) => [title, other.title])).toEqual(
        [],
      );
    }
  });

  it.each(panels)('tells the unit, the limits, and where to read what to do: $title', (panel) => {
    const { unit, thresholds } = panel.fieldConfig?.defaults ?? {};
    expect(unit).toMatch(/^\w+$/);
    expect(thresholds?.steps.length).toBeGreaterThan(0);
    expect(panel.description).toMatch(/\.$/);
    const urls = (panel.links ?? []).map(({ url }) => url);
    expect(urls.filter((url) => !isThere(url))).toEqual([]);
    expect(urls.length).toBeGreaterThan(0);
    expect(panel.datasource?.uid).toMatch(/^\$\{DS_PROMETHEUS\}$/);
    for (const target of panel.targets ?? []) expect(target.datasource).toEqual(panel.datasource);
  });

  it('leads from its head to what to do about an alert', () => {
    expect(dashboard.links.filter(({ url }) => !isThere(url))).toEqual([]);
    expect(dashboard.links.length).toBeGreaterThan(0);
  });
});
