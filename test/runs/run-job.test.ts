import { describe, expect, it } from 'vitest';
import { OperatingError } from '../../src/errors.ts';
import type { Held } from '../../src/jobs/guards/guards.ts';
import { JOB_NAMES } from '../../src/jobs/job-names.ts';
import type { JobFault, JobReport, PruneReport } from '../../src/jobs/report.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { RunRecord } from '../../src/ledger/runs.ts';
import type { Logger } from '../../src/log.ts';
import { type RunJobDependencies, runJob, skippedRun } from '../../src/runs/run-job.ts';
import { figuresOf, RUN_METRICS } from '../../src/runs/run-metrics.ts';
import { type RunResult, shownFaults } from '../../src/runs/run-result.ts';
import type { RunnableJob, RunOptions, RunRequest } from '../../src/runs/runnable-job.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { NOW } from '../support/units.ts';

const REPORT: PruneReport = {
  job: 'prune-transcripts',
  removed: {
    sessions: 3,
    files: 5,
    bytes: 700,
    byReason: { expired: 2, 'over-size': 0, orphan: 1 },
    bytesByReason: { expired: 600, 'over-size': 0, orphan: 100 },
  },
  trash: { sessions: 4, bytes: 900 },
  liveIds: { 'resume-map': 7 },
  transcripts: { live: { sessions: 7, bytes: 70 }, retained: { sessions: 2, bytes: 20 } },
  faults: [],
};
const FAULT: JobFault = { kind: 'io', message: 'read projects/-srv-app: EACCES' };

interface LogLine {
  readonly level: keyof Logger;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** Everything that a run is given, and what it made of it. */
function surroundings(overrides: Partial<RunJobDependencies> = {}) {
  const events: string[] = [];
  const lines: LogLine[] = [];
  const runs: RunRecord[] = [];
  const write = (level: keyof Logger) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message });
  };
  const dependencies: RunJobDependencies = {
    clock: new SetClock(NOW),
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    ledger: {
      recordRun: (run) => {
        events.push('record');
        runs.push(run);
      },
    },
    clockGuard: { doubt: () => undefined },
    deadlineMs: 60_000,
    allowCommand: (job) => `sweep --allow ${job}`,
    ...overrides,
  };
  return { events, lines, runs, dependencies };
}

function requestOf(options: Partial<RunOptions> = {}, overrides: Partial<RunRequest> = {}): RunRequest {
  return {
    options: { dryRun: false, jobs: ['prune-transcripts'], allowMassRemoval: false, listsRemoved: 'none', ...options },
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...overrides,
  };
}

type Work = (request: RunRequest) => Promise<JobReport>;

/** @param events are told when its locks are given back */
function jobThat(run: Work | JobReport, events: string[] = []): RunnableJob {
  const work: Work = typeof run === 'function' ? run : async () => run;
  const release = async () => void events.push('release');
  return { name: 'prune-transcripts', start: (request) => ({ report: work(request), release }) };
}

function failing(error: unknown): Work {
  return async () => {
    throw error;
  };
}

/** A job that works until it is told to stop. */
const ENDLESS = jobThat(async ({ signal }) => {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return { ...REPORT, stopped: true };
});

describe('the outcome of a run', () => {
  it.each<{ what: string; work: Work | JobReport; outcome: RunResult['outcome']; failure?: JobFault }>([
    { what: 'all was done', work: REPORT, outcome: 'ok' },
    { what: 'there were faults', work: { ...REPORT, faults: [FAULT] }, outcome: 'partial' },
    { what: 'it was stopped', work: { ...REPORT, stopped: true }, outcome: 'partial' },
    {
      what: 'something ended it before it was through',
      work: { ...REPORT, faults: [FAULT], failure: { kind: 'io', message: 'the disk is full' } },
      outcome: 'failed',
      failure: { kind: 'io', message: 'the disk is full' },
    },
    {
      what: 'nothing could be done',
      work: failing(new OperatingError('unavailable', 'read live ids: no answer')),
      outcome: 'failed',
      failure: { kind: 'unavailable', message: 'read live ids: no answer' },
    },
    {
      what: 'it threw what nobody foresaw',
      work: failing(new TypeError('x is not a function')),
      outcome: 'failed',
      failure: { kind: 'internal', message: 'x is not a function' },
    },
    {
      what: 'a system call failed that nobody had reckoned with',
      work: failing(Object.assign(new Error('EIO: i/o error, close'), { code: 'EIO' })),
      outcome: 'failed',
      failure: { kind: 'io', message: 'EIO: i/o error, close' },
    },
    {
      what: 'it called Node wrongly',
      work: failing(Object.assign(new TypeError('no string'), { code: 'ERR_INVALID_ARG_TYPE' })),
      outcome: 'failed',
      failure: { kind: 'internal', message: 'no string' },
    },
    {
      what: 'it threw no error',
      work: failing('text'),
      outcome: 'failed',
      failure: { kind: 'internal', message: 'text' },
    },
    {
      what: 'it threw undefined',
      work: failing(undefined),
      outcome: 'failed',
      failure: { kind: 'internal', message: 'undefined' },
    },
  ])('is $outcome where $what', async ({ work, outcome, failure }) => {
    const { dependencies, events, runs } = surroundings();
    const result = await runJob(jobThat(work, events), requestOf(), dependencies);
    expect(result).toMatchObject({ job: 'prune-transcripts', outcome, failure, startedAtMs: NOW, dryRun: false });
    expect(events).toEqual(['record', 'release']);
    // By the clock that stands still here, it was over before it was done.
    const finishedAtMs = NOW + result.durationMs;
    expect(runs).toMatchObject([{ job: 'prune-transcripts', outcome, startedAtMs: NOW, finishedAtMs }]);
  });

  it('keeps what was done until a failure', async () => {
    const report = { ...REPORT, failure: { kind: 'io', message: 'the disk is full' } } as const;
    const result = await runJob(jobThat(report), requestOf(), surroundings().dependencies);
    expect(result.report).toEqual(report);
  });

  it('is failed where the job cannot even be started', async () => {
    const job: RunnableJob = {
      name: 'purge-trash',
      start: () => {
        throw new RangeError('at once');
      },
    };
    const { dependencies, events } = surroundings();
    expect(await runJob(job, requestOf(), dependencies)).toMatchObject({ outcome: 'failed' });
    expect(events).toEqual(['record']);
  });

  it('tells how long it took', async () => {
    const { durationMs } = await runJob(jobThat(REPORT), requestOf(), surroundings().dependencies);
    expect(durationMs).toBeGreaterThanOrEqual(0);
  });
});

describe('a run that lists much', () => {
  it('is written down without what grows with the tree', async () => {
    const { dependencies, runs } = surroundings();
    const use = { sessionId: 's', project: 'p', bytes: 1, lastUsedMs: 1 };
    const report: PruneReport = {
      ...REPORT,
      kept: { live: 3 },
      removedSessions: [{ ...use, claudeDir: '/c', reason: 'expired', files: 1 }],
      projects: [{ project: 'p', sessions: 1, bytes: 1, lastUsedMs: 1 }],
      largest: [use],
      oldest: [use],
      faults: [FAULT],
    };
    await runJob(jobThat(report), requestOf(), dependencies);
    const { job: _, faults: __, ...figures } = REPORT;
    expect(runs.map(({ report: written }) => written)).toEqual([{ ...figures, kept: { live: 3 }, errors: [FAULT] }]);
  });
});

describe('a guard', () => {
  const HELD: Held = { guard: 'mass-removal', message: '30 of the 30 sessions would go at once' };

  it('that speaks against a run has it held, with the command that lets it go on', async () => {
    const { dependencies, lines, runs } = surroundings();
    const report = { ...REPORT, held: [HELD], faults: [FAULT] };
    const result = await runJob(jobThat(report), requestOf(), dependencies);
    expect(result).toMatchObject({ outcome: 'held', held: [HELD], failure: undefined });
    const told = { held: [HELD], allowWith: 'sweep --allow prune-transcripts', errors: [FAULT] };
    expect(lines).toMatchObject([{ level: 'warn', message: 'job held back', fields: { outcome: 'held', ...told } }]);
    expect(runs).toMatchObject([{ outcome: 'held', report: told }]);
  });

  it('does not hide a failure', async () => {
    const report = { ...REPORT, held: [HELD], failure: FAULT };
    expect(await runJob(jobThat(report), requestOf(), surroundings().dependencies)).toMatchObject({
      outcome: 'failed',
      held: [HELD],
    });
  });

  it('that no word can overrule comes without such a command', async () => {
    const report = { ...REPORT, held: [{ guard: 'free-space', message: 'the disk is full' }] } as const;
    const { dependencies } = surroundings();
    expect(await runJob(jobThat(report), requestOf(), dependencies)).toMatchObject({ allowWith: undefined });
  });

  it('of the clock keeps the job from being begun', async () => {
    const held: Held = { guard: 'clock', message: 'the clock was put forward' };
    const { dependencies, events } = surroundings({ clockGuard: { doubt: () => held } });
    expect(await runJob(jobThat(REPORT, events), requestOf(), dependencies)).toMatchObject({
      outcome: 'held',
      held: [held],
      report: undefined,
    });
    expect(events).toEqual(['record']);
  });
});

describe('the lock', () => {
  it('of another makes the run skipped', async () => {
    const locked = failing(new OperatingError('locked', 'lock Claude directory /c: another run is at work in it'));
    const { dependencies, runs, lines } = surroundings();
    const result = await runJob(jobThat(locked), requestOf(), dependencies);
    expect(result).toMatchObject({ outcome: 'skipped', failure: { kind: 'locked' }, report: undefined });
    expect(runs).toMatchObject([{ outcome: 'skipped' }]);
    expect(lines).toMatchObject([{ level: 'warn', message: 'job skipped' }]);
  });

  it('is held until the run is written down', async () => {
    const { dependencies, events } = surroundings();
    const work = async () => {
      events.push('work');
      return REPORT;
    };
    await runJob(jobThat(work, events), requestOf(), dependencies);
    expect(events).toEqual(['work', 'record', 'release']);
  });
});

describe('a dry run', () => {
  it('is not written down', async () => {
    const { dependencies, events, lines } = surroundings({ ledger: undefined });
    const result = await runJob(jobThat(REPORT), requestOf({ dryRun: true }), dependencies);
    expect(result).toMatchObject({ outcome: 'ok', dryRun: true });
    expect(events).toEqual([]);
    expect(lines).toMatchObject([{ fields: { dryRun: true } }]);
  });
});

describe('a run that goes on for too long', () => {
  it('is told to stop at its deadline, and says so', async () => {
    const { dependencies, runs } = surroundings({ deadlineMs: 5 });
    const result = await runJob(ENDLESS, requestOf(), dependencies);
    expect(result).toMatchObject({ outcome: 'partial', report: { stopped: true } });
    expect(result.report?.faults).toEqual([{ kind: 'io', message: expect.stringContaining('deadline') }]);
    expect(runs).toMatchObject([{ outcome: 'partial' }]);
  });

  it('is told to stop at shutdown, which is no fault', async () => {
    const shutdown = new AbortController();
    const running = runJob(ENDLESS, requestOf({}, { signal: shutdown.signal }), surroundings().dependencies);
    shutdown.abort();
    expect(await running).toMatchObject({ outcome: 'partial', report: { stopped: true, faults: [] } });
  });

  it('is as good as any other where it was through by its deadline', async () => {
    const job = jobThat(async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      return REPORT;
    });
    const { dependencies } = surroundings({ deadlineMs: 5 });
    expect(await runJob(job, requestOf(), dependencies)).toMatchObject({ outcome: 'ok', report: { faults: [] } });
  });

  it('passes on what it was asked for, and how far it is', async () => {
    const progress: unknown[] = [];
    const job = jobThat(async ({ options: { dryRun, jobs }, onProgress }) => {
      onProgress({ phase: 'scan', done: 1 });
      progress.push({ dryRun, jobs });
      return REPORT;
    });
    const request = requestOf({ dryRun: true, jobs: JOB_NAMES }, { onProgress: (step) => progress.push(step) });
    await runJob(job, request, surroundings().dependencies);
    expect(progress).toEqual([
      { phase: 'scan', done: 1 },
      { dryRun: true, jobs: JOB_NAMES },
    ]);
  });
});

describe('the record of a run', () => {
  it('stands in a real ledger, with its figures', async () => {
    const ledger = Ledger.open(tempDir());
    const { dependencies } = surroundings({ ledger });
    await runJob(jobThat(REPORT), requestOf(), dependencies);
    await runJob(jobThat(REPORT), requestOf(), dependencies);
    await runJob(jobThat(failing(new OperatingError('io', 'no'))), requestOf(), dependencies);
    const figures = new Map(ledger.metrics().map(({ name, label, value }) => [`${name}{${label}}`, value]));
    expect(ledger.lastRun('prune-transcripts')).toMatchObject({ outcome: 'failed', startedAtMs: NOW });
    expect(ledger.lastRun('prune-transcripts', 'ok')).toMatchObject({ outcome: 'ok' });
    ledger.close();
    const isOfGuard = (name: string) => name.startsWith('held{');
    expect([...figures].filter(([name, value]) => isOfGuard(name) && value !== 0)).toEqual([]);
    const tookSeconds = 'run_last_duration_seconds{prune-transcripts}';
    expect(figures.get(tookSeconds)).toBeGreaterThan(0);
    const isExact = (name: string) => !isOfGuard(name) && name !== tookSeconds;
    expect(Object.fromEntries([...figures].filter(([name]) => isExact(name)))).toEqual({
      'runs_total{prune-transcripts,ok}': 2,
      'runs_total{prune-transcripts,failed}': 1,
      'run_last_timestamp_seconds{prune-transcripts}': NOW / 1000,
      'run_last_success_timestamp_seconds{prune-transcripts}': NOW / 1000,
      'transcripts_removed_total{expired}': 4,
      'transcripts_removed_total{over-size}': 0,
      'transcripts_removed_total{orphan}': 2,
      'removed_bytes_total{expired}': 1_200,
      'removed_bytes_total{over-size}': 0,
      'removed_bytes_total{orphan}': 200,
      'live_sessions{resume-map}': 7,
      'transcripts{live}': 7,
      'transcripts{retained}': 2,
      'transcript_bytes{live}': 70,
      'transcript_bytes{retained}': 20,
      'trash_sessions{}': 4,
      'trash_bytes{}': 900,
      'errors_total{prune-transcripts,io}': 1,
    });
  });

  it.each([REPORT, { ...REPORT, faults: [FAULT] }])(
    'that cannot be written makes the run failed, whatever it did',
    async (report) => {
      const ledger = {
        recordRun: () => {
          throw new OperatingError('io', 'record a run in database ledger.db: the disk is full');
        },
      };
      const { dependencies, events, lines } = surroundings({ ledger });
      const result = await runJob(jobThat(report, events), requestOf(), dependencies);
      expect(result).toMatchObject({ outcome: 'failed', failure: { kind: 'io' }, report });
      expect(lines).toMatchObject([{ level: 'error', message: 'job failed' }]);
      expect(events).toEqual(['release']);
    },
  );

  it('that cannot be written hides neither an earlier failure nor a skip', async () => {
    const ledger = {
      recordRun: () => {
        throw new OperatingError('io', 'the disk is full');
      },
    };
    const earlier = failing(new OperatingError('unavailable', 'read live ids: no answer'));
    expect(await runJob(jobThat(earlier), requestOf(), surroundings({ ledger }).dependencies)).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'unavailable' },
    });
    const locked = failing(new OperatingError('locked', 'another run is at work'));
    expect(await runJob(jobThat(locked), requestOf(), surroundings({ ledger }).dependencies)).toMatchObject({
      outcome: 'skipped',
    });
  });

  it('that throws what nobody foresaw leaves the lock free', async () => {
    const ledger = {
      recordRun: () => {
        throw new TypeError('mine');
      },
    };
    const { dependencies, events } = surroundings({ ledger });
    await runJob(jobThat(REPORT, events), requestOf(), dependencies).catch(() => undefined);
    expect(events).toEqual(['release']);
  });

  it('is written for a run that is not begun', () => {
    const { dependencies, runs, lines } = surroundings();
    const failure: JobFault = { kind: 'locked', message: 'its run before is not through' };
    expect(skippedRun('sweep-sessions', failure, dependencies)).toMatchObject({ outcome: 'skipped', failure });
    expect(runs).toMatchObject([{ job: 'sweep-sessions', outcome: 'skipped' }]);
    expect(lines).toMatchObject([{ level: 'warn', fields: { job: 'sweep-sessions', errors: [failure] } }]);
  });
});

describe('the figures of a run', () => {
  const resultOf = (overrides: Partial<RunResult> = {}): RunResult => ({
    job: 'prune-transcripts',
    outcome: 'ok',
    dryRun: false,
    startedAtMs: NOW,
    durationMs: 1,
    report: REPORT,
    failure: undefined,
    held: [],
    allowWith: undefined,
    ...overrides,
  });
  const namesOf = (result: RunResult) => figuresOf(result, NOW).levels.map(({ name }) => name);

  it('tell no success where there was none, and no run where it was skipped', () => {
    expect(namesOf(resultOf())).toContain(RUN_METRICS.lastSuccess.name);
    for (const outcome of ['partial', 'failed'] as const) {
      expect(namesOf(resultOf({ outcome }))).not.toContain(RUN_METRICS.lastSuccess.name);
      expect(namesOf(resultOf({ outcome }))).toContain(RUN_METRICS.lastRun.name);
    }
    expect(namesOf(resultOf({ outcome: 'skipped', report: undefined }))).toEqual([]);
  });

  it('say nothing of what is there where the run was stopped half-way, but all of what it did', () => {
    const { increments, levels } = figuresOf(
      resultOf({ outcome: 'partial', report: { ...REPORT, stopped: true } }),
      NOW,
    );
    const { lastRun, lastDuration, held } = RUN_METRICS;
    const ofTheRun = [lastRun, lastDuration, held].map(({ name }) => name);
    expect(new Set(levels.map(({ name }) => name))).toEqual(new Set(ofTheRun));
    expect(increments).toContainEqual({ name: 'transcripts_removed_total', label: 'expired', value: 2 });
  });

  it('tell which live source has not answered, also where the run has come to nothing by it', () => {
    const sources = {
      bot: { isUp: false, ids: 0 },
      vips: { isUp: true, ids: 2, answeredAtMs: NOW, onlyIts: 1 },
    };
    const failure: JobFault = { kind: 'unavailable', message: 'no answer' };
    const report: JobReport = { job: 'prune-transcripts', faults: [], failure, sources };
    const of = (result: RunResult) => {
      const figures = figuresOf(result, NOW);
      const ofSources = figures.levels.filter(({ name }) => name.startsWith('live_source_'));
      return { names: figures.sources?.names, levels: ofSources.map(({ name, label, value }) => [name, label, value]) };
    };
    const answers = [
      ['live_source_up', 'bot', 0],
      ['live_source_up', 'vips', 1],
      ['live_source_last_answer_timestamp_seconds', 'vips', NOW / 1000],
    ];
    expect(of(resultOf({ outcome: 'failed', failure, report }))).toEqual({ names: ['bot', 'vips'], levels: answers });
    expect(of(resultOf({ report: { ...REPORT, sources } })).levels).toEqual([
      ...answers,
      ['live_source_only_protects', 'vips', 1],
    ]);
    expect(figuresOf(resultOf(), NOW).sources).toBeUndefined();
  });

  it('count a failure among the errors, but not the lock of another', () => {
    const errorsOf = (result: RunResult) =>
      figuresOf(result, NOW)
        .increments.filter(({ name }) => name === RUN_METRICS.errors.name)
        .map(({ label, value }) => [label, value]);
    const report: JobReport = { ...REPORT, faults: [FAULT, FAULT], moreFaults: { io: 5, 'bad-data': 1 } };
    expect(errorsOf(resultOf({ outcome: 'partial', report }))).toEqual([
      ['prune-transcripts,io', 7],
      ['prune-transcripts,bad-data', 1],
    ]);
    const failure: JobFault = { kind: 'unavailable', message: 'no answer' };
    expect(errorsOf(resultOf({ outcome: 'failed', failure }))).toEqual([['prune-transcripts,unavailable', 1]]);
    const locked: JobFault = { kind: 'locked', message: 'another' };
    expect(errorsOf(resultOf({ outcome: 'skipped', failure: locked }))).toEqual([]);
  });

  it.each<{ report: JobReport; figures: readonly object[] }>([
    {
      report: { job: 'sweep-sessions', swept: { expired: 5, dangling: 2 }, faults: [] },
      figures: [
        { name: 'rows_swept_total', label: 'expired', value: 5 },
        { name: 'rows_swept_total', label: 'dangling', value: 2 },
      ],
    },
    {
      report: { job: 'purge-trash', purged: { sessions: 3, bytes: 800 }, faults: [] },
      figures: [{ name: 'purged_bytes_total', label: '', value: 800 }],
    },
  ])('have what $report.job did', ({ report, figures }) => {
    const { increments } = figuresOf(resultOf({ job: report.job, report }), NOW);
    expect(increments).toEqual([{ name: 'runs_total', label: `${report.job},ok`, value: 1 }, ...figures]);
  });

  it('tell which guard holds a job, for as long as its runs say so', () => {
    const heldOf = (result: RunResult) =>
      figuresOf(result, NOW).levels.filter(({ name, value }) => name === 'held' && value === 1);
    const held = [{ guard: 'mass-removal', message: 'm' }] as const;
    expect(heldOf(resultOf({ outcome: 'held', held }))).toEqual([
      { name: 'held', label: 'prune-transcripts,mass-removal', value: 1 },
    ]);
    expect(heldOf(resultOf())).toEqual([]);
    expect(figuresOf(resultOf({ outcome: 'skipped', report: undefined }), NOW).levels).toEqual([]);
  });

  it('bear no id, path or message in any label', () => {
    const report: PruneReport = {
      ...REPORT,
      removedSessions: [
        {
          sessionId: 'SECRET',
          claudeDir: '/SECRET',
          project: 'SECRET',
          reason: 'expired',
          files: 1,
          bytes: 1,
          lastUsedMs: NOW,
        },
      ],
      projects: [{ project: 'SECRET', sessions: 1, bytes: 1, lastUsedMs: NOW }],
      faults: [{ kind: 'io', message: 'SECRET' }],
    };
    expect(JSON.stringify(figuresOf(resultOf({ outcome: 'partial', report }), NOW))).not.toContain('SECRET');
  });
});

describe('the log line of a run', () => {
  it.each([
    { report: REPORT, level: 'info', message: 'job finished' },
    { report: { ...REPORT, faults: [FAULT] }, level: 'warn', message: 'job finished in part' },
    { report: { ...REPORT, failure: FAULT }, level: 'error', message: 'job failed' },
  ])('is one, and tells how it ended: $message', async ({ report, level, message }) => {
    const { dependencies, lines } = surroundings();
    await runJob(jobThat(report), requestOf(), dependencies);
    expect(lines).toMatchObject([{ level, message, fields: { job: 'prune-transcripts', removed: REPORT.removed } }]);
  });

  it('has a second one with the stack where the job threw what nobody foresaw', async () => {
    const error = new TypeError('x is not a function');
    const { dependencies, lines } = surroundings();
    await runJob(jobThat(failing(error)), requestOf(), dependencies);
    expect(lines).toMatchObject([
      { level: 'error', message: 'job threw', fields: { err: error } },
      { level: 'error', message: 'job failed' },
    ]);
  });

  it('does not flood: of many faults it shows some and the number of the rest', () => {
    const faults = Array.from({ length: 1_000 }, (_, index): JobFault => ({ kind: 'io', message: `fault ${index}` }));
    const failure: JobFault = { kind: 'unavailable', message: 'the end' };
    const result: RunResult = {
      job: 'prune-transcripts',
      outcome: 'failed',
      dryRun: false,
      startedAtMs: NOW,
      durationMs: 1,
      report: { ...REPORT, faults },
      failure,
      held: [],
      allowWith: undefined,
    };
    const shown = shownFaults(result);
    expect(shown).toHaveLength(21);
    expect(shown[0]).toEqual(failure);
    expect(shown.at(-1)).toEqual({ kind: 'io', message: 'and 981 more' });
    expect(shownFaults({ ...result, report: { ...REPORT, faults, moreFaults: { io: 9 } } }).at(-1)?.message).toBe(
      'and 990 more',
    );
    expect(shownFaults({ ...result, report: { ...REPORT, faults: faults.slice(0, 19) } })).toHaveLength(20);
  });
});
