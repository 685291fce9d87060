/** What the status page shows, as plain data: from the ledger and from what the daemon has at hand, without a look at the Claude directories. */

import type { Config } from '../../config/config.ts';
import { isLoopback } from '../../config/http-settings.ts';
import type { Finding } from '../../doctor/finding.ts';
import type { MetricValue } from '../../jobs/figures.ts';
import { JOB_NAMES, type JobName, type Outcome } from '../../jobs/job-names.ts';
import { TRANSCRIPT_STATES } from '../../jobs/transcript-states.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { type DayOfBytes, FOLDERS_LISTED } from '../../ledger/looks.ts';
import type { PruneLook } from '../../runs/run-look.ts';
import { faultsOf, heldOf, lookIn, type ToldHeld } from './recorded.ts';

export interface JobView {
  readonly job: JobName;
  readonly last?: { readonly outcome: Outcome; readonly atMs: number; readonly durationMs: number } | undefined;
  readonly nextMs: number | undefined;
  readonly isRunning: boolean;
}

export interface FaultView {
  readonly job: JobName;
  readonly kind: string;
  readonly message: string;
}

export interface HeldView extends ToldHeld {
  readonly job: JobName;
}

export interface SourceView {
  readonly name: string;
  /** Undefined where it was never asked. */
  readonly isUp: boolean | undefined;
  readonly ids: number | undefined;
  readonly onlyProtects: number | undefined;
  readonly lastAnswerMs: number | undefined;
}

export interface TrashView {
  /** Of all places, session stores included. */
  readonly sessions: number | undefined;
  readonly bytes: number | undefined;
  /** In Claude directories, the oldest first; of each, from when on it may be destroyed, Unix epoch ms. */
  readonly folders: readonly {
    readonly claudeDir: string;
    readonly atMs: number;
    readonly untilMs: number;
    readonly sessions: number;
    readonly bytes: number;
  }[];
  /** There are more than are listed. */
  readonly hasMore: boolean;
}

export interface StatusView {
  readonly version: string;
  readonly nowMs: number;
  readonly timeZone: string;
  /** Whether titles, paths and messages, which may name both, are shown. */
  readonly hasDetails: boolean;
  readonly jobs: readonly JobView[];
  readonly held: readonly HeldView[];
  /** What went wrong in the last run of each job. */
  readonly faults: readonly FaultView[];
  readonly look: { readonly atMs: number; readonly content: PruneLook } | undefined;
  readonly states: readonly { readonly state: string; readonly sessions: number; readonly bytes: number }[];
  readonly disks: readonly { readonly place: string; readonly freeBytes: number; readonly sizeBytes: number }[];
  readonly sources: readonly SourceView[];
  readonly days: readonly DayOfBytes[];
  readonly trash: TrashView;
  readonly exposed: number;
  readonly problems: { readonly atMs: number; readonly findings: readonly Finding[] } | undefined;
}

export interface StatusSources {
  readonly version: string;
  readonly config: Config;
  readonly timeZone: string;
  readonly nowMs: number;
  readonly ledger: Ledger;
  readonly hostFigures: readonly MetricValue[];
  readonly runningJob: JobName | undefined;
  readonly problems: StatusView['problems'];
  nextRunMs(job: JobName): number | undefined;
}

const DAY_MS = 86_400_000;
export const DAYS_SHOWN = 30;

/** Whether whoever reads it may see what conversations are about. */
export function showsDetails({ listen, 'http.details': details }: Pick<Config, 'listen' | 'http.details'>): boolean {
  return details === 'loopback' ? listen !== 'off' && isLoopback(listen) : details === 'always';
}

/** @throws OperatingError where the ledger cannot be read */
export function statusView(sources: StatusSources): StatusView {
  const { version, config, timeZone, nowMs, ledger, hostFigures, problems } = sources;
  const figures = new Figures([...ledger.metrics(), ...hostFigures]);
  const look = ledger.looks.last('prune-transcripts');
  const content = lookIn(look?.content);
  const reports = JOB_NAMES.map((job) => ({ job, report: ledger.looks.lastReport(job)?.report }));
  return {
    ...{ version, nowMs, timeZone, problems },
    hasDetails: showsDetails(config),
    jobs: JOB_NAMES.map((job) => jobView(job, sources)),
    held: reports.flatMap(({ job, report }) => heldOf(report).map((held) => ({ job, ...held }))),
    faults: reports.flatMap(({ job, report }) => faultsOf(report).map((fault) => ({ job, ...fault }))),
    look: look === undefined || content === undefined ? undefined : { atMs: look.atMs, content },
    states: TRANSCRIPT_STATES.flatMap((state) => {
      const [count, bytes] = [figures.at('transcripts', state), figures.at('transcript_bytes', state)];
      return count === undefined || bytes === undefined ? [] : [{ state, sessions: count, bytes }];
    }),
    disks: figures.labelsOf('disk_free_bytes').flatMap((place) => {
      const [freeBytes, sizeBytes] = [figures.at('disk_free_bytes', place), figures.at('disk_size_bytes', place)];
      return freeBytes === undefined || sizeBytes === undefined ? [] : [{ place, freeBytes, sizeBytes }];
    }),
    sources: figures.labelsOf('live_source_up').map((name) => sourceView(name, figures)),
    days: ledger.looks.days(nowMs - DAYS_SHOWN * DAY_MS),
    trash: trashView(sources, figures),
    exposed: figures.at('exposed_sessions', '') ?? 0,
  };
}

function jobView(job: JobName, { ledger, runningJob, nextRunMs }: StatusSources): JobView {
  const last = ledger.lastRun(job);
  return {
    job,
    last: last && {
      outcome: last.outcome,
      atMs: last.finishedAtMs,
      durationMs: Math.max(0, last.finishedAtMs - last.startedAtMs),
    },
    nextMs: nextRunMs(job),
    isRunning: runningJob === job,
  };
}

function sourceView(name: string, figures: Figures): SourceView {
  const isUp = figures.at('live_source_up', name);
  const lastAnswerSeconds = figures.at('live_source_last_answer_timestamp_seconds', name);
  return {
    name,
    isUp: isUp === undefined ? undefined : isUp === 1,
    ids: figures.at('live_sessions', name),
    onlyProtects: figures.at('live_source_only_protects', name),
    lastAnswerMs: lastAnswerSeconds === undefined ? undefined : lastAnswerSeconds * 1000,
  };
}

function trashView({ ledger, config }: StatusSources, figures: Figures): TrashView {
  const folders = ledger.looks.trashFolders();
  return {
    sessions: figures.at('trash_sessions', ''),
    bytes: figures.at('trash_bytes', ''),
    hasMore: folders.length > FOLDERS_LISTED,
    folders: folders.slice(0, FOLDERS_LISTED).flatMap(({ folder, ...amount }) => {
      const atMs = folderTimeMs(folder);
      return atMs === undefined ? [] : [{ ...amount, atMs, untilMs: atMs + config['trash.keep'] }];
    }),
  };
}

/** `20261121T041700Z`, with a suffix where a second has several. */
function folderTimeMs(folder: string): number | undefined {
  const text = folder.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z.*$/s, '$1-$2-$3T$4:$5:$6Z');
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** By name and label. */
class Figures {
  readonly #values = new Map<string, Map<string, number>>();

  constructor(values: readonly MetricValue[]) {
    for (const { name, label, value } of values) {
      const ofName = this.#values.get(name) ?? new Map<string, number>();
      ofName.set(label, value);
      this.#values.set(name, ofName);
    }
  }

  at(name: string, label: string): number | undefined {
    return this.#values.get(name)?.get(label);
  }

  labelsOf(name: string): readonly string[] {
    return [...(this.#values.get(name)?.keys() ?? [])].sort();
  }
}
