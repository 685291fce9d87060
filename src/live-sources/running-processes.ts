/**
 * What Claude itself says of the sessions at work. An id in a record protects; its absence proves nothing. A record that is stale
 * protects nothing, and one that does not say whom it protects holds back what was written since its process began: neither stops
 * the rest.
 */

import { type IdPrefix, IdPrefixes } from '../claude-dir/id-prefixes.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { type Clock, systemClock } from '../clock.ts';
import { errorMessage, OperatingError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { displayName } from '../files/byte-name.ts';
import { kernelProcessTable, type ProcessTable } from '../process/process-table.ts';
import { type LiveReading, type LiveSource, withFreshReading } from './live-source.ts';
import { type FoundRecord, ProcessReading } from './process-reading.ts';

export interface RunningProcessesOptions {
  readonly clock?: Clock;
  readonly processes?: ProcessTable;
}

const RUNNING_PROCESSES = 'running-processes';

/** @param path of the Claude directory, for messages */
export function runningProcessesSource(
  root: AnchoredDir,
  path: string,
  options: RunningProcessesOptions = {},
): LiveSource {
  const reading = processReading(root, options);
  const source: LiveSource = {
    name: RUNNING_PROCESSES,
    protection: 'running',
    read: async () => readOrFail(path, () => toReading(path, reading.read())),
    withLive: (ids, act) => withFreshReading(source, ids, act),
    check: async () => {
      // No record, whatever stands in it, makes a reading fail: only their directories can.
      readOrFail(path, () => reading.assertReadable());
    },
  };
  return source;
}

/** Processes of which nobody here can read a record: what they are at work on has been written since. Unix epoch ms. */
export function unseenProcessesSource(writtenSinceMs: number): LiveSource {
  const source: LiveSource = {
    name: RUNNING_PROCESSES,
    protection: 'running',
    read: async () => ({ ids: new Set(), writtenSinceMs, malformed: 0 }),
    withLive: (ids, act) => withFreshReading(source, ids, act),
    check: async () => undefined,
  };
  return source;
}

/** Reads once who is at work. @throws OperatingError */
export function readRunning(root: AnchoredDir, path: string, options: RunningProcessesOptions = {}): LiveReading {
  return readOrFail(path, () => toReading(path, processReading(root, options).read()));
}

function processReading(root: AnchoredDir, options: RunningProcessesOptions): ProcessReading {
  const { clock = systemClock, processes = kernelProcessTable(clock) } = options;
  return new ProcessReading(root, processes, clock);
}

function readOrFail<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const message = `read the running sessions of ${displayName(path)}: ${errorMessage(error)}`;
    throw new OperatingError('unavailable', message, { cause: error });
  }
}

/** What an operator is told of a record that does not say whom it protects. */
function unnamedFault(record: string, sinceMs: number): string {
  const which = Number.isFinite(sinceMs)
    ? `all sessions written since ${new Date(sinceMs).toISOString()}`
    : 'all sessions';
  return `${displayName(record)} does not say which session its process is at work on, so ${which} stay; doctor tells how to end that`;
}

function toReading(path: string, records: readonly FoundRecord[]): LiveReading {
  const ids = new Set<SessionId>();
  const prefixes = new Set<IdPrefix>();
  let writtenSinceMs: number | undefined;
  const faults: string[] = [];
  let stale = 0;
  for (const { place, verdict } of records) {
    if (verdict.kind === 'stale') stale += 1;
    if (verdict.kind === 'unnamed') {
      writtenSinceMs = Math.min(writtenSinceMs ?? Number.POSITIVE_INFINITY, verdict.sinceMs);
      faults.push(unnamedFault(`${path}/${place}`, verdict.sinceMs));
    }
    if (verdict.kind !== 'running' && verdict.kind !== 'unchecked') continue;
    for (const id of verdict.sessionIds) ids.add(id);
    if (verdict.kind === 'unchecked' && verdict.prefix !== undefined) prefixes.add(verdict.prefix);
  }
  return { ids, prefixes: new IdPrefixes(prefixes), writtenSinceMs, malformed: 0, stale, faults };
}
