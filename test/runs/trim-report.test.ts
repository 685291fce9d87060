import { describe, expect, it } from 'vitest';
import type { JobFault, PruneReport } from '../../src/jobs/report.ts';
import { handedOver } from '../../src/runs/trim-report.ts';

const REPORT: PruneReport = {
  job: 'prune-transcripts',
  removedSessions: [],
  projects: [{ project: '-p', sessions: 1, bytes: 1, lastUsedMs: 1 }],
  left: [{ project: '-p', sessions: 1, bytes: 1 }],
  kept: { live: 1 },
  faults: [],
};

describe('what is handed over of a report', () => {
  it('holds nothing that grows with the tree', () => {
    expect(handedOver(REPORT)).toEqual({
      job: 'prune-transcripts',
      removedSessions: [],
      left: [{ project: '-p', sessions: 1, bytes: 1 }],
      kept: { live: 1 },
      faults: [],
    });
  });

  it('tells of the largest projects one by one, and of all others together', () => {
    const left = Array.from({ length: 25 }, (_, index) => ({ project: `-${index}`, sessions: 2, bytes: 100 - index }));
    const report = handedOver({ ...REPORT, left }) as PruneReport;
    expect(report.left).toEqual(left.slice(0, 20));
    expect(report.leftElsewhere).toEqual({ projects: 5, sessions: 10, bytes: 80 + 79 + 78 + 77 + 76 });
  });

  it('counts by kind the faults that are too many to be shown', () => {
    const fault = (kind: JobFault['kind']): JobFault => ({ kind, message: 'm' });
    const faults = [...Array(150).fill(fault('io')), ...Array(3).fill(fault('bad-data'))] as JobFault[];
    const report = handedOver({ job: 'purge-trash', faults });
    expect(report.faults).toHaveLength(100);
    expect(report.moreFaults).toEqual({ io: 50, 'bad-data': 3 });
  });
});
