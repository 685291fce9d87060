/** What Claude's own settings say of its clean-up, in every settings file that may apply on this host. Only ever read. */

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Claude's default, where no settings file says otherwise. */
export const CLEANUP_PERIOD_DEFAULT_DAYS = 30;

export interface CleanupPeriod {
  /** The settings file; undefined for the default. */
  readonly file: string | undefined;
  /** Claude deletes what has not been written for longer; `paused` where the file stops its clean-up. */
  readonly days: number | 'paused';
}

/** Where managed settings are on Linux. */
const MANAGED_DIRECTORY = '/etc/claude-code';

/**
 * The period of every settings file that names one: managed, the user's, and those of the projects that Claude knows. Where neither
 * managed nor user settings do, the default counts too.
 */
export function cleanupPeriods(claudeDir: string, managedDirectory = MANAGED_DIRECTORY): readonly CleanupPeriod[] {
  const everywhere = [...managedFiles(managedDirectory), join(claudeDir, 'settings.json')].flatMap(periodIn);
  const inProjects = knownProjects(claudeDir)
    .flatMap((project) => ['settings.json', 'settings.local.json'].map((name) => join(project, '.claude', name)))
    .flatMap(periodIn);
  const byDefault = everywhere.length > 0 ? [] : [{ file: undefined, days: CLEANUP_PERIOD_DEFAULT_DAYS }];
  return [...everywhere, ...byDefault, ...inProjects];
}

/** The shortest of them, since any Claude that starts on this host sweeps the whole directory. */
export function shortestCleanupPeriod(claudeDir: string, managedDirectory?: string): CleanupPeriod {
  const days = (period: CleanupPeriod) => (period.days === 'paused' ? Number.POSITIVE_INFINITY : period.days);
  return cleanupPeriods(claudeDir, managedDirectory).reduce((shortest, period) =>
    days(period) < days(shortest) ? period : shortest,
  );
}

function managedFiles(directory: string): string[] {
  const dropIns = join(directory, 'managed-settings.d');
  const names = namesIn(dropIns).filter((name) => name.endsWith('.json'));
  return [join(directory, 'managed-settings.json'), ...names.map((name) => join(dropIns, name))];
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // There is none, or it is not for us to read: Claude's user is mostly ours.
    return [];
  }
}

function periodIn(file: string): CleanupPeriod[] {
  const settings = readObject(file);
  if (settings === undefined) return [];
  const days = settings.cleanupPeriodDays;
  if (days === undefined) return [];
  // Claude pauses its clean-up where the setting is 0 or makes no sense.
  return [{ file, days: typeof days === 'number' && days > 0 ? days : 'paused' }];
}

/** The working directories that Claude remembers: beside its directory by default, in it where that was set. */
function knownProjects(claudeDir: string): string[] {
  const files = [join(claudeDir, '.claude.json'), join(dirname(claudeDir), '.claude.json')];
  const projects = files.flatMap((file) => Object.keys(objectOf(readObject(file)?.projects) ?? {}));
  return [...new Set(projects)].filter((path) => path.startsWith('/'));
}

function readObject(file: string): Record<string, unknown> | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    // Loaded where there is something to read: every job can ask, few do.
    const { parse } = createRequire(import.meta.url)('jsonc-parser') as typeof import('jsonc-parser');
    return objectOf(parse(text));
  } catch {
    // Missing or unreadable: it says nothing.
    return undefined;
  }
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
