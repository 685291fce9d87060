/**
 * How long Claude's own clean-up lets a file of one Claude directory be, by every settings file that may apply on this host. Only
 * ever read. All of it is held against the real client in test/claude.
 *
 * A run of Claude goes by the first of these that names a period: the policy (server-managed settings, else managed ones), `--settings`
 * of its own, the local and the shared settings of its project, the user's; else by 30 days. It deletes for the whole directory, so
 * the shortest of all is what counts. A run that loads no user settings (`--setting-sources`, `settingSources: []` in the SDK) deletes
 * nothing, unless a policy or one of the settings that it does load names a period. What a host hands to `--settings` is not on disk.
 */

import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { objectOf, readSettingsFile, type SettingsObject } from './settings-file.ts';

/** Claude's default, where no settings file says otherwise. */
export const CLEANUP_PERIOD_DEFAULT_DAYS = 30;
/** Claude looks at most once in so long, whatever runs of it start. */
export const CLEANUP_INTERVAL_MS = 86_400_000;

export type SettingsSource = 'server-managed' | 'managed' | 'user' | 'project' | 'default';

export interface CleanupPeriod {
  readonly source: SettingsSource;
  /** The settings file; undefined for the default. */
  readonly file: string | undefined;
  /** Claude deletes what has not been written for so many days. Where it is paused: what will count once the file is mended. */
  readonly days: number;
  /** What Claude made or last wrote for its desktop apps, it lets be for so many days. */
  readonly desktopDays: number | 'ever';
  /** Why runs that load this file delete nothing for now, as the end of a sentence about it. */
  readonly paused?: string;
}

const BY_DEFAULT: CleanupPeriod = {
  source: 'default',
  file: undefined,
  days: CLEANUP_PERIOD_DEFAULT_DAYS,
  desktopDays: 'ever',
};

/** Why a 0 stops the clean-up, and what it does otherwise. */
export const ZERO_PERIOD = 'says cleanupPeriodDays 0, on which releases before 2.1.89 delete everything at once';

/** Where managed settings are on Linux. */
const MANAGED_DIRECTORY = '/etc/claude-code';
/** In the Claude directory: what an organisation's server has sent last. */
const SERVER_MANAGED_FILE = 'remote-settings.json';

/** Every period that a run of Claude may go by in this directory; at least one. */
export function cleanupPeriods(claudeDir: string, managedDirectory = MANAGED_DIRECTORY): readonly CleanupPeriod[] {
  const unmanaged = () => unmanagedPeriods(claudeDir);
  const server = serverPolicy(claudeDir);
  const managed = managedPolicy(managedDirectory);
  if (server === undefined) return managed === undefined ? unmanaged() : policyPeriods(managed, unmanaged);
  // Only runs of an organisation's account ask the server, and to those its settings replace the managed ones whole.
  const others = managed === undefined ? unmanaged() : policyPeriods(managed, unmanaged);
  const periods = [...policyPeriods(server, unmanaged), ...others];
  return periods.filter((one, index) => periods.findIndex((other) => isSame(one, other)) === index);
}

/** The shortest of them. */
export function shortestCleanupPeriod(claudeDir: string, managedDirectory?: string): CleanupPeriod {
  return shortestOf(cleanupPeriods(claudeDir, managedDirectory));
}

/** The first of equal ones that is not paused. */
export function shortestOf(periods: readonly CleanupPeriod[]): CleanupPeriod {
  return periods.reduce((shortest, period) => {
    const isShorter = period.days < shortest.days;
    const isFirmer = period.days === shortest.days && shortest.paused !== undefined && period.paused === undefined;
    return isShorter || isFirmer ? period : shortest;
  });
}

/** Before this, no run of Claude deletes anything here. Unix epoch ms; 0 where none is known to have deleted. */
export function nextCleanupMs(claudeDir: string): number {
  try {
    const stats = statSync(join(claudeDir, '.last-cleanup'), { throwIfNoEntry: false });
    return stats === undefined ? 0 : stats.mtimeMs + CLEANUP_INTERVAL_MS;
  } catch {
    // It cannot be asked: then it is no bound.
    return 0;
  }
}

/** What one organisation has laid down, over all other settings. */
interface Policy {
  readonly source: 'server-managed' | 'managed';
  /** The file that names the period, where one does. */
  readonly file: string | undefined;
  readonly days: number | undefined;
  readonly desktopDays: number | undefined;
}

function serverPolicy(claudeDir: string): Policy | undefined {
  const file = join(claudeDir, SERVER_MANAGED_FILE);
  const read = readSettingsFile(file);
  // An empty object is no policy; and while it is broken, runs that would go by it delete nothing.
  if (read.state !== 'read' || Object.keys(read.settings).length === 0) return undefined;
  const days = periodOf(read.settings);
  return { source: 'server-managed', file, days, desktopDays: desktopPeriodOf(read.settings) };
}

/** The last of several files that name a period counts, by their names. What makes no sense in them is ignored. */
function managedPolicy(directory: string): Policy | undefined {
  const dropIns = join(directory, 'managed-settings.d');
  const names = namesIn(dropIns).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
  const files = [join(directory, 'managed-settings.json'), ...names.sort().map((name) => join(dropIns, name))];
  const read = files.flatMap((file) => {
    const settings = meaningOf(file);
    return settings === undefined ? [] : [{ file, settings }];
  });
  if (read.length === 0) return undefined;
  const last = read.findLast(({ settings }) => periodOf(settings) !== undefined);
  const desktop = read.findLast(({ settings }) => desktopPeriodOf(settings) !== undefined);
  return {
    source: 'managed',
    file: last?.file,
    days: last && periodOf(last.settings),
    desktopDays: desktop && desktopPeriodOf(desktop.settings),
  };
}

function policyPeriods(policy: Policy, unmanaged: () => readonly CleanupPeriod[]): readonly CleanupPeriod[] {
  const { source, file, days, desktopDays } = policy;
  // It also holds for what belongs to the desktop apps.
  if (days !== undefined) return [{ source, file, days, desktopDays: days }];
  if (desktopDays === undefined) return unmanaged();
  return unmanaged().map((period) => ({ ...period, desktopDays: desktopDaysOf(period.days, desktopDays) }));
}

function unmanagedPeriods(claudeDir: string): readonly CleanupPeriod[] {
  const user = userPeriod(join(claudeDir, 'settings.json'));
  const ofProjects = knownProjects(claudeDir).flatMap((project) => projectPeriod(project, user.desktopDays));
  return [user, ...ofProjects];
}

function userPeriod(file: string): CleanupPeriod {
  const read = readSettingsFile(file);
  if (read.state === 'absent') return BY_DEFAULT;
  const settings = read.state === 'read' ? read.settings : read.lenient;
  const days = periodOf(settings);
  const desktopDays = desktopDaysOf(days ?? CLEANUP_PERIOD_DEFAULT_DAYS, desktopPeriodOf(settings));
  const paused = read.state === 'broken' ? read.why : faultIn(settings);
  if (days === undefined && paused === undefined) return { ...BY_DEFAULT, desktopDays };
  const period = { source: 'user', file, days: days ?? CLEANUP_PERIOD_DEFAULT_DAYS, desktopDays } as const;
  return paused === undefined ? period : { ...period, paused };
}

/** Local settings of a project go before those that are shared. Without a period in them, they say nothing. */
function projectPeriod(project: string, desktopDays: CleanupPeriod['desktopDays']): CleanupPeriod[] {
  for (const name of ['settings.local.json', 'settings.json']) {
    const file = join(project, '.claude', name);
    const read = readSettingsFile(file);
    if (read.state === 'absent') continue;
    const days = periodOf(read.state === 'read' ? read.settings : read.lenient);
    if (days === undefined) continue;
    const period: CleanupPeriod = { source: 'project', file, days, desktopDays };
    return [read.state === 'read' ? period : { ...period, paused: read.why }];
  }
  return [];
}

/** Whole days, at least one; undefined where the settings name none that Claude would take. */
function periodOf({ cleanupPeriodDays: days }: SettingsObject): number | undefined {
  return isWhole(days, 1) ? days : undefined;
}

/** 0 is no ceiling, as none is. */
function desktopPeriodOf({ desktopSessionCleanupPeriodDays: days }: SettingsObject): number | undefined {
  return isWhole(days, 1) ? days : undefined;
}

function isWhole(value: unknown, min: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min;
}

function desktopDaysOf(days: number, desktopDays: number | undefined): number | 'ever' {
  return desktopDays === undefined ? 'ever' : Math.max(days, desktopDays);
}

/** Claude deletes nothing by settings that say something about its clean-up which makes no sense. */
function faultIn({ cleanupPeriodDays: days, desktopSessionCleanupPeriodDays: desktopDays }: SettingsObject) {
  if (days === 0) return ZERO_PERIOD;
  if (days !== undefined && !isWhole(days, 1)) return 'says a cleanupPeriodDays that is no whole number of days';
  if (desktopDays === undefined || isWhole(desktopDays, 0)) return undefined;
  return 'says a desktopSessionCleanupPeriodDays that is no whole number of days';
}

/** What a file says or seems to say; undefined where it is not there. */
function meaningOf(file: string): SettingsObject | undefined {
  const read = readSettingsFile(file);
  if (read.state === 'absent') return undefined;
  return read.state === 'read' ? read.settings : read.lenient;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // There is none, or it is not for us to read: Claude's user is mostly ours.
    return [];
  }
}

/** The working directories that Claude remembers: beside its directory by default, in it where that was set. */
function knownProjects(claudeDir: string): string[] {
  const files = [join(claudeDir, '.claude.json'), join(dirname(claudeDir), '.claude.json')];
  const projects = files.flatMap((file) => Object.keys(objectOf(meaningOf(file)?.projects) ?? {}));
  return [...new Set(projects)].filter((path) => path.startsWith('/'));
}

function isSame(left: CleanupPeriod, right: CleanupPeriod): boolean {
  return left.file === right.file && left.days === right.days && left.desktopDays === right.desktopDays;
}
