/** What the metrics show of the host beside its runs: since when there is a record of them, what its databases take, and what room is left. */

import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { errorCode } from '../errors.ts';
import { BoundedLooks } from '../files/bounded-looks.ts';
import type { MetricDeclaration } from '../jobs/figures/figure.ts';
import type { MetricValue } from '../jobs/figures.ts';

const DATABASES = ['ledger', 'resume-map', 'session-store'] as const;
const PLACES = ['claude-dir', 'state-dir'] as const;

/** Names without the program's prefix. */
export const HOST_METRICS = {
  ledgerBegun: gauge(
    'ledger_begun_timestamp_seconds',
    'Since when there is a record of runs here, Unix time; NaN before there is one.',
    [],
    [''],
  ),
  databaseBytes: gauge(
    'database_bytes',
    'Bytes of a database and its log, of all session stores together; NaN where there is none.',
    ['database'],
    DATABASES,
  ),
  diskFree: gauge(
    'disk_free_bytes',
    'Bytes that are free to its user where a place lies, of several Claude directories the least; NaN where it does not answer.',
    ['place'],
    PLACES,
  ),
  diskSize: gauge(
    'disk_size_bytes',
    'Bytes of the same file system in all; NaN where it does not answer.',
    ['place'],
    PLACES,
  ),
} as const;

function gauge(name: string, help: string, labels: readonly string[], known: readonly string[]): MetricDeclaration {
  return { name, kind: 'gauge', help, labels, known, unknown: 'each' };
}

/** @param sinceMs Unix epoch ms; undefined before there is a record */
export function ledgerBegun(sinceMs: number | undefined): MetricValue[] {
  return sinceMs === undefined ? [] : [{ name: HOST_METRICS.ledgerBegun.name, label: '', value: sinceMs / 1000 }];
}

/** What SQLite keeps beside a database for as long as somebody has it open. */
const LOGS = ['-wal', '-journal'];

interface Disk {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** Anything about it may be missing or hang: what it cannot be told is left out. */
export class HostLook {
  readonly #databases: BoundedLooks<number>;
  readonly #disks: BoundedLooks<Disk>;

  constructor(
    looks: { readonly databases: BoundedLooks<number>; readonly disks: BoundedLooks<Disk> } = {
      databases: new BoundedLooks(databaseBytes),
      disks: new BoundedLooks(diskAround),
    },
  ) {
    this.#databases = looks.databases;
    this.#disks = looks.disks;
  }

  async figures(
    config: Pick<Config, 'claudeDir' | 'stateDir' | 'sessions.db' | 'sessions.store'>,
  ): Promise<readonly MetricValue[]> {
    const [ledger, map, stores, claudeDir, stateDir] = await Promise.all([
      this.#bytesOf([join(config.stateDir, 'ledger.db')]),
      this.#bytesOf([config['sessions.db']]),
      this.#bytesOf(config['sessions.store']),
      this.#leastFree(config.claudeDir),
      this.#leastFree([config.stateDir]),
    ]);
    const bytes = { ledger, 'resume-map': map, 'session-store': stores };
    const disks = { 'claude-dir': claudeDir, 'state-dir': stateDir };
    return [
      ...DATABASES.flatMap((label) => told(HOST_METRICS.databaseBytes, label, bytes[label])),
      ...PLACES.flatMap((label) => [
        ...told(HOST_METRICS.diskFree, label, disks[label]?.freeBytes),
        ...told(HOST_METRICS.diskSize, label, disks[label]?.sizeBytes),
      ]),
    ];
  }

  /** Undefined where there is none, or one of them is not known: a part would pass for all. */
  async #bytesOf(paths: readonly string[]): Promise<number | undefined> {
    if (paths.length === 0) return undefined;
    const all = await Promise.all(paths.map((path) => this.#databases.at(path)));
    return all.reduce((sum, bytes) => (sum === undefined || bytes === undefined ? undefined : sum + bytes), 0);
  }

  /** Of those that answer: one that is away does not hide that another is full. */
  async #leastFree(paths: readonly string[]): Promise<Disk | undefined> {
    const disks = await Promise.all(paths.map((path) => this.#disks.at(path)));
    const known = disks.filter((disk) => disk !== undefined);
    return known.sort((left, right) => left.freeBytes - right.freeBytes)[0];
  }
}

function told({ name }: MetricDeclaration, label: string, value: number | undefined): MetricValue[] {
  return value === undefined ? [] : [{ name, label, value }];
}

async function databaseBytes(path: string): Promise<number> {
  const { size } = await stat(path);
  const logs = await Promise.all(LOGS.map((suffix) => sizeOrNone(path + suffix)));
  return logs.reduce((sum, bytes) => sum + bytes, size);
}

async function sizeOrNone(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return 0;
  }
}

async function diskAround(path: string): Promise<Disk> {
  const { blocks, bavail, bsize } = await statfs(path);
  // Some file systems, as overlays of the network, do not say.
  if (blocks === 0) throw new Error('the file system does not say how large it is');
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}
