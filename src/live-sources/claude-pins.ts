/** What a person pinned in Claude's own list of background jobs: it stays for as long as it is pinned there. */

import type { BigIntStats } from 'node:fs';
import { type IdPrefix, IdPrefixes } from '../claude-dir/id-prefixes.ts';
import { JOB_RECORD_BYTES_MAX, JOB_STATE, JOBS, parseJobState } from '../claude-dir/job-records.ts';
import { PINS_BYTES_MAX, type PinnedJobs, parsePins } from '../claude-dir/pinned-jobs.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { type Clock, systemClock } from '../clock.ts';
import { errorCode, errorMessage, isExhaustion, OperatingError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName, fixedName } from '../files/byte-name.ts';
import { inDirectory } from '../files/in-directory.ts';
import { readSmallFile } from '../files/small-file.ts';
import { type LiveReading, type LiveSource, withFreshReading } from './live-source.ts';
import { isJob } from './process-reading.ts';
import { RecordCache } from './record-cache.ts';

const PINS = fixedName('pins.json');

export interface ClaudePins extends PinnedJobs {
  /** Sessions of the pinned jobs: a job may go on under another id than the one that it is called after. */
  readonly sessionIds: readonly SessionId[];
}

const NO_PINS: PinnedJobs = { prefixes: [], odd: 0 };
/** What is no regular file Claude deletes unread, and has no pins. */
const ODD_PINS: PinnedJobs = { prefixes: [], odd: 1 };

/** @param path of the Claude directory, for messages */
export function claudePinsSource(root: AnchoredDir, path: string, clock: Clock = systemClock): LiveSource {
  const reading = new PinsReading(root, path, clock);
  const source: LiveSource = {
    name: 'claude-pins',
    protection: 'pinned',
    read: async () => toReading(reading.read()),
    withLive: (ids, act) => withFreshReading(source, ids, act),
    check: async () => {
      reading.read();
    },
  };
  return source;
}

function toReading({ prefixes, sessionIds, odd }: ClaudePins): LiveReading {
  return { ids: new Set(sessionIds), prefixes: new IdPrefixes(prefixes), malformed: odd };
}

/** The pins of one Claude directory. Reading them again costs little: what has not changed is not read again. */
export class PinsReading {
  readonly #root: AnchoredDir;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #pins = new RecordCache<PinnedJobs, never>(() => false);
  readonly #jobs = new RecordCache<readonly SessionId[], readonly SessionId[]>(isJob);

  constructor(root: AnchoredDir, path: string, clock: Clock) {
    this.#root = root;
    this.#path = path;
    this.#clock = clock;
  }

  /** @throws OperatingError where the pins are there and cannot be read: that must not read as no pins */
  read(): ClaudePins {
    const nowMs = this.#clock.now();
    try {
      const [pins] = inDirectory(this.#root, JOBS, (jobs) => {
        const { prefixes, odd } = this.#readPins(jobs, nowMs);
        return [{ prefixes, odd, sessionIds: this.#sessionsOf(jobs, prefixes, nowMs) }];
      });
      return pins ?? { ...NO_PINS, sessionIds: [] };
    } catch (error) {
      const file = displayName(`${this.#path}/${JOBS}/${PINS}`);
      const message = `read Claude's own pins: ${errorMessage(error)}; make ${file} readable for this user, or delete it`;
      throw new OperatingError('unavailable', message, { cause: error });
    }
  }

  #readPins(jobs: AnchoredDir, nowMs: number): PinnedJobs {
    const stats = jobs.lstatExact(PINS);
    if (stats === undefined) return NO_PINS;
    return this.#pins.content(PINS, stats, nowMs, () => {
      const file = readSmallFile(jobs, PINS, PINS_BYTES_MAX, stats);
      if (file.kind === 'unreadable') throw new Error(file.code);
      if (file.kind === 'absent') return NO_PINS;
      return file.kind === 'irregular' ? ODD_PINS : parsePins(file.text, file.isCut);
    });
  }

  #sessionsOf(jobs: AnchoredDir, prefixes: readonly IdPrefix[], nowMs: number): SessionId[] {
    if (prefixes.length === 0) return [];
    const pinned = new Set<string>(prefixes);
    const names = this.#jobs.names(jobs, nowMs);
    return names.flatMap((name) => (pinned.has(name.toLowerCase()) ? this.#sessionsOfJob(jobs, name, nowMs) : []));
  }

  #sessionsOfJob(jobs: AnchoredDir, name: ByteName, nowMs: number): readonly SessionId[] {
    const settled = this.#jobs.settled(name);
    if (settled !== undefined) return settled;
    try {
      const ids = inDirectory(jobs, name, (job) => {
        const stats = job.lstatExact(JOB_STATE);
        if (stats === undefined) return [];
        return [...this.#jobs.content(name, stats, nowMs, () => sessionsOfState(job, stats))];
      });
      this.#jobs.settle(name, ids);
      return ids;
    } catch (error) {
      // The job's own id, which is pinned, protects by itself.
      const code = errorCode(error);
      if (code === undefined || isExhaustion(code)) throw error;
      return [];
    }
  }
}

function sessionsOfState(job: AnchoredDir, stats: BigIntStats): readonly SessionId[] {
  const file = readSmallFile(job, JOB_STATE, JOB_RECORD_BYTES_MAX, stats);
  return file.kind === 'text' ? parseJobState(file.text, file.isCut).sessionIds : [];
}
