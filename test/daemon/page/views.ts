/** Views of a status page for tests, with every part filled in. */

import type { StatusView } from '../../../src/daemon/page/view.ts';
import { DAY_MS } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

/** @param text stands wherever anything from outside does */
export function viewWith(text: string, overrides: Partial<StatusView> = {}): StatusView {
  const session = {
    ...{ shortId: 'a94d2b18', project: text, title: text, workingDirectory: text, reason: text },
    ...{ bytes: 2_000, lastUsedMs: NOW - 12 * DAY_MS, goesAtMs: NOW + 18 * DAY_MS, hasTranscript: true },
  };
  const finding = { check: text, level: 'problem', message: text, advice: text } as const;
  return {
    ...{ version: '1.2.3', nowMs: NOW, timeZone: 'Etc/UTC', hasDetails: true, exposed: 2 },
    jobs: [
      {
        ...{ job: 'prune-transcripts', nextMs: NOW + DAY_MS, isRunning: false },
        last: { outcome: 'held', atMs: NOW - DAY_MS, durationMs: 3_000 },
      },
      { job: 'purge-trash', nextMs: undefined, isRunning: true, last: undefined },
    ],
    held: [{ job: 'prune-transcripts', guard: 'mass-removal', message: text, allowWith: text }],
    faults: [{ job: 'purge-trash', kind: text, message: text }],
    look: {
      atMs: NOW - DAY_MS,
      content: {
        left: [{ project: text, sessions: 3, bytes: 5_000 }],
        leftElsewhere: { projects: 4, sessions: 40, bytes: 9_000 },
        kept: { [text]: 2, live: 1 },
        next: [session],
        going: { sessions: 12, bytes: 24_000 },
      },
    },
    states: [{ state: 'live', sessions: 3, bytes: 5_000 }],
    disks: [{ place: 'claude-dir', freeBytes: 1_000, sizeBytes: 2_000 }],
    sources: [
      { name: text, isUp: false, ids: 3, onlyProtects: 1, lastAnswerMs: NOW - 60_000 },
      { name: 'keep-list', isUp: true, ids: undefined, onlyProtects: undefined, lastAnswerMs: undefined },
    ],
    days: [{ day: new Date(NOW).toISOString().slice(0, 10), removedBytes: 2_000, purgedBytes: 1_000 }],
    trash: {
      ...{ sessions: 4, bytes: 8_000, hasMore: false },
      folders: [
        { claudeDir: text, atMs: NOW - 2 * DAY_MS, untilMs: NOW + 5 * DAY_MS, sessions: 3, bytes: 6_000 },
        { claudeDir: '/srv/other', atMs: NOW - 8 * DAY_MS, untilMs: NOW - DAY_MS, sessions: 1, bytes: 2_000 },
      ],
    },
    problems: { atMs: NOW - 1_000, findings: [finding, { check: 'clock', level: 'ok', message: 'all is well' }] },
    ...overrides,
  };
}
