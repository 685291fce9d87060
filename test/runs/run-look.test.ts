import { describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import type { ListedSession, PruneReport } from '../../src/jobs/report.ts';
import { lookOf } from '../../src/runs/run-look.ts';
import { sessionIdOf } from '../support/tree.ts';

const SESSION: ListedSession = {
  ...{ sessionId: sessionIdOf(1) as SessionId, shortId: '00000000', claudeDir: '/srv/claude', project: '-p' },
  ...{ title: 't', reason: 'within-retention', isGoing: false, files: 1, bytes: 5, hasTranscript: true, lastUsedMs: 1 },
};
const REPORT: PruneReport = {
  job: 'prune-transcripts',
  left: [{ project: '-p', sessions: 1, bytes: 5 }],
  kept: { live: 1 },
  listed: { matching: { sessions: 3, bytes: 15 }, sessions: [SESSION] },
  faults: [],
};

describe('what is kept of a prune for whoever looks on', () => {
  it('is what it foresees and what it has left', () => {
    const { shortId, project, title, reason, bytes, hasTranscript, lastUsedMs } = SESSION;
    expect(lookOf({ report: REPORT, failure: undefined })).toEqual({
      ...{ left: REPORT.left, kept: { live: 1 }, going: { sessions: 3, bytes: 15 } },
      next: [{ shortId, project, title, reason, bytes, hasTranscript, lastUsedMs }],
    });
  });

  const { listed: _listed, ...unlisted } = REPORT;
  const { left: _left, ...uncounted } = REPORT;

  it.each<[string, PruneReport]>([
    ['stopped', { ...REPORT, stopped: true }],
    ['incomplete', { ...REPORT, incomplete: true }],
    ['without a list', unlisted],
    ['without what is left', uncounted],
  ])('is nothing where a part would pass for all: %s', (_name, report) => {
    expect(lookOf({ report, failure: undefined })).toBeUndefined();
  });

  it('is nothing of a run that failed, and of another job', () => {
    expect(lookOf({ report: REPORT, failure: { kind: 'io', message: 'm' } })).toBeUndefined();
    expect(lookOf({ report: { job: 'purge-trash', faults: [] }, failure: undefined })).toBeUndefined();
    expect(lookOf({ report: undefined, failure: undefined })).toBeUndefined();
  });
});
