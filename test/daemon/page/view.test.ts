import { describe, expect, it, onTestFinished } from 'vitest';
import { heldOf, lookIn } from '../../../src/daemon/page/recorded.ts';
import { type StatusSources, showsDetails, statusView } from '../../../src/daemon/page/view.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import type { RunRecord } from '../../../src/ledger/runs.ts';
import { resolveConfig } from '../../support/resolved-config.ts';
import { tempPlace } from '../../support/temp-place.ts';
import { DAY_MS } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const place = { claudeDir: '/srv/claude' };

function sourcesWith(
  runs: readonly Partial<RunRecord>[],
  flags: Readonly<Record<string, unknown>> = {},
): StatusSources {
  const { stateDir, claudeDir } = tempPlace();
  const ledger = Ledger.open(stateDir);
  onTestFinished(() => ledger.close());
  const run: RunRecord = {
    ...{ job: 'prune-transcripts', outcome: 'ok', startedAtMs: NOW - 9_000, finishedAtMs: NOW - 5_000 },
    ...{ report: {}, increments: [], levels: [] },
  };
  for (const one of runs) ledger.recordRun({ ...run, ...one });
  return {
    ...{ version: '1.2.3', timeZone: 'Etc/UTC', nowMs: NOW, ledger, problems: undefined, hostFigures: [] },
    config: resolveConfig({ home: '/home/ada', environment: {}, flags: { stateDir, claudeDir: [claudeDir], ...flags } })
      .config,
    runningJob: 'purge-trash',
    nextRunMs: () => NOW + DAY_MS,
  };
}

describe('what the status page knows', () => {
  it('is what runs have written down, and what the daemon has at hand', () => {
    const look = {
      left: [{ project: '-p', sessions: 2, bytes: 20 }],
      kept: { live: 2 },
      next: [{ shortId: 'a94d2b18', title: 't', reason: 'within-retention', bytes: 5, lastUsedMs: 1, goesAtMs: 2 }],
      going: { sessions: 9, bytes: 90 },
    };
    const levels = [
      { name: 'transcripts', label: 'live', value: 2 },
      { name: 'transcript_bytes', label: 'live', value: 20 },
      { name: 'live_source_up', label: 'keep-list', value: 0 },
      { name: 'trash_sessions', label: '', value: 4 },
      { name: 'trash_bytes', label: '', value: 40 },
    ];
    const report = {
      held: [{ guard: 'mass-removal', message: 'most of it would go' }],
      allowWith: 'claude-session-sweeper --run-now --allow-mass-removal',
      errors: [{ kind: 'io', message: 'read it: EIO' }],
    };
    const sources = sourcesWith([{ outcome: 'held', report, look, levels }]);
    sources.ledger.recordKnownFolders(
      place.claudeDir,
      new Map([
        ['20261101T041700Z-2', amount(3)],
        ['odd', amount(1)],
      ]),
    );
    const view = statusView(sources);
    expect(view.jobs.find(({ job }) => job === 'prune-transcripts')).toEqual({
      ...{ job: 'prune-transcripts', nextMs: NOW + DAY_MS, isRunning: false },
      last: { outcome: 'held', atMs: NOW - 5_000, durationMs: 4_000 },
    });
    expect(view.jobs.find(({ job }) => job === 'purge-trash')).toMatchObject({ last: undefined, isRunning: true });
    expect(view.held).toEqual([{ job: 'prune-transcripts', ...report.held[0], allowWith: report.allowWith }]);
    expect(view.faults).toEqual([{ job: 'prune-transcripts', kind: 'io', message: 'read it: EIO' }]);
    expect(view.look?.content).toMatchObject({
      left: look.left,
      going: look.going,
      next: [{ title: 't', goesAtMs: 2 }],
    });
    expect(view.states).toEqual([{ state: 'live', sessions: 2, bytes: 20 }]);
    expect(view.sources).toMatchObject([{ name: 'keep-list', isUp: false }]);
    const atMs = Date.UTC(2026, 10, 1, 4, 17);
    expect(view.trash).toEqual({
      ...{ sessions: 4, bytes: 40, hasMore: false },
      folders: [{ claudeDir: place.claudeDir, sessions: 3, bytes: 30, atMs, untilMs: atMs + 7 * DAY_MS }],
    });
  });

  it('is nothing where nothing has run yet, and no zero', () => {
    const view = statusView(sourcesWith([]));
    expect(view).toMatchObject({ look: undefined, states: [], held: [], faults: [], sources: [], days: [] });
    expect(view.trash).toEqual({ sessions: undefined, bytes: undefined, folders: [], hasMore: false });
  });

  it.each([
    ['loopback', '127.0.0.1:1', true],
    ['loopback', '[::1]:1', true],
    ['loopback', 'localhost:1', true],
    ['loopback', '0.0.0.0:1', false],
    ['loopback', '192.0.2.1:1', false],
    ['always', '0.0.0.0:1', true],
    ['never', '127.0.0.1:1', false],
  ])('with http.details %s and listen %s, details are shown: %s', (details, listen, isShown) => {
    const { config } = resolveConfig({
      ...{ home: '/home/ada', environment: {} },
      flags: { listen, 'http.details': details },
    });
    expect(showsDetails(config)).toBe(isShown);
  });

  it.each([
    undefined,
    null,
    7,
    'text',
    [],
    {},
    { left: {}, next: [] },
    {
      left: [null, 7, { bytes: -1 }],
      next: [null, {}, { shortId: 7 }, { shortId: 'a', bytes: 'many' }],
      kept: { a: 'b' },
    },
  ])('is not led astray by what another may have written: %j', (content) => {
    const look = lookIn(content);
    for (const { bytes, sessions } of look?.left ?? []) expect([bytes, sessions]).toEqual([0, 0]);
    expect(look?.next ?? []).toHaveLength(look === undefined ? 0 : look.next.length);
    expect(heldOf({ held: content, allowWith: content })).toEqual([]);
  });

  it('cuts names, and never a command', () => {
    const long = 'x'.repeat(10_000);
    const look = lookIn({ left: [], next: [{ shortId: 'a', title: long }] });
    expect(look?.next[0]?.title).toHaveLength(401);
    expect(heldOf({ held: [{ guard: 'clock', message: 'm' }], allowWith: long })[0]?.allowWith).toBe(long);
  });
});

function amount(sessions: number) {
  return { manifest: 'm', sessions, bytes: sessions * 10 };
}
