import { describe, expect, it } from 'vitest';
import { handedOver } from '../../src/job-thread/hand-over.ts';
import { type JobFault, type JobReport, OLDEST_LISTED, type RemovedSession } from '../../src/jobs/job.ts';

function removed(newestMtimeMs: number): RemovedSession {
  const sessionId = `session-${newestMtimeMs}`;
  return { sessionId, claudeDir: '/c', project: '-p', reason: 'expired', files: 1, bytes: 1, newestMtimeMs };
}

const SESSIONS = Array.from({ length: 3 * OLDEST_LISTED }, (_, index) => removed((index * 7) % (3 * OLDEST_LISTED)));
const REPORT: JobReport = {
  removedSessions: SESSIONS,
  projects: [{ project: '-p', sessions: 1, bytes: 1, newestMtimeMs: 1 }],
  kept: { live: 1 },
  faults: [],
};

describe('what is handed over of a report', () => {
  it('names every removed session where all are asked for', () => {
    expect(handedOver(REPORT, 'all')).toEqual(REPORT);
  });

  it('names only the oldest, oldest first, where no more are shown', () => {
    const { removedSessions, ...rest } = handedOver(REPORT, 'oldest');
    expect(removedSessions).toEqual(Array.from({ length: OLDEST_LISTED }, (_, index) => removed(index)));
    expect(rest).toEqual({ projects: REPORT.projects, kept: { live: 1 }, faults: [] });
  });

  it('holds nothing that grows with the tree where nothing is listed', () => {
    expect(handedOver(REPORT, 'none')).toEqual({ kept: { live: 1 }, faults: [] });
  });

  it('adds no list to a report that has none', () => {
    expect(handedOver({ faults: [] }, 'oldest')).toEqual({ faults: [] });
  });

  it('counts by kind the faults that are too many to be shown', () => {
    const fault = (kind: JobFault['kind']): JobFault => ({ kind, message: 'm' });
    const faults = [...Array(150).fill(fault('io')), ...Array(3).fill(fault('bad-data'))] as JobFault[];
    const report = handedOver({ faults }, 'none');
    expect(report.faults).toHaveLength(100);
    expect(report.moreFaults).toEqual({ io: 50, 'bad-data': 3 });
  });
});
