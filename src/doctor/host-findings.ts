/** Looks at what is beside the Claude directories: the live sources, the ledger and the clock. */

import { statSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { errorMessage } from '../errors.ts';
import { stateDirFault } from '../files/state-dir-safety.ts';
import { absenceLimits, isDoubted, nextHistory, readClocks } from '../jobs/guards/clock.ts';
import { JOB_NAMES } from '../jobs/job-names.ts';
import { Ledger } from '../ledger/ledger.ts';
import { KeepList } from '../live-sources/keep-list.ts';
import { openResumeMapForReading } from '../live-sources/open-sources.ts';
import { examineDatabases } from './database-findings.ts';
import type { Finding } from './finding.ts';
import { formerStateFinding } from './former-state-finding.ts';
import { examineServing } from './http-finding.ts';
import { examineReturning } from './returning-findings.ts';
import { projectRulesFinding } from './rule-findings.ts';
import { examineSharedStores } from './shared-store-findings.ts';
import { examineSources } from './source-findings.ts';

const FOREIGN_BITS = 0o077;

export async function examineHost(config: Config, clock: Clock): Promise<readonly Finding[]> {
  const rules = projectRulesFinding(config);
  return [...(await examineStanding(config, clock)), ...(rules === undefined ? [] : [rules])];
}

/** All of it that takes no look at the Claude directories. */
export async function examineStanding(config: Config, clock: Clock): Promise<readonly Finding[]> {
  const formerState = formerStateFinding(config);
  return [
    await guardedFinding('resume map', () => examineMap(config, clock)),
    await guardedFinding('keep list', () => examinePins(config)),
    ...(await examineSources(config, clock)),
    ...(await examineSharedStores(config, clock)),
    await guardedFinding('ledger', () => examineLedger(config)),
    await guardedFinding('databases', () => examineDatabases(config)),
    await guardedFinding('coming back', () => examineReturning(config, clock)),
    await guardedFinding('clock', () => examineClock(config, clock)),
    await guardedFinding('state directory', () => examineStateDir(config)),
    examineServing(config, clock),
    ...(formerState === undefined ? [] : [formerState]),
  ];
}

async function guardedFinding(check: string, examine: () => Promise<Omit<Finding, 'check'>>): Promise<Finding> {
  try {
    return { check, ...(await examine()) };
  } catch (error) {
    return { check, level: 'problem', message: errorMessage(error), advice: 'until this is mended nothing is removed' };
  }
}

async function examineMap(config: Config, clock: Clock): Promise<Omit<Finding, 'check'>> {
  const map = await openResumeMapForReading(config, clock);
  try {
    const { ids, malformed, senselessTimes } = await map.readLiveIds();
    if (malformed + senselessTimes === 0) return { level: 'ok', message: `names ${ids.size} sessions` };
    return {
      level: 'notice',
      message: `names ${ids.size} sessions; ${malformed} rows have no session id, and ${senselessTimes} a time that makes no sense: they are never swept`,
      advice: 'look at them in the database, and at the host that writes them',
    };
  } finally {
    await map.close();
  }
}

async function examinePins(config: Config): Promise<Omit<Finding, 'check'>> {
  const { ids, malformed } = await new KeepList(config.stateDir).asLiveSource().read();
  if (malformed === 0) return { level: 'ok', message: `${ids.size} sessions pinned` };
  return {
    level: 'problem',
    message: `${malformed} files in pins/ name no session, and so pin none`,
    advice: 'pin what they mean with the command pin, and delete them',
  };
}

async function examineLedger(config: Config): Promise<Omit<Finding, 'check'>> {
  const ledger = Ledger.openForReading(config.stateDir);
  if (ledger === undefined) return { level: 'notice', message: 'there is none: nothing has run yet' };
  try {
    const last = ledger.lastRun('prune-transcripts');
    if (last === undefined) return { level: 'notice', message: 'no prune has run yet' };
    const message = `the last prune was ${last.outcome}, ${new Date(last.startedAtMs).toISOString()}`;
    if (last.outcome === 'ok') return { level: 'ok', message };
    return { level: 'problem', message, advice: 'look at the log of that run, or run a dry run' };
  } finally {
    ledger.close();
  }
}

async function examineClock(config: Config, clock: Clock): Promise<Omit<Finding, 'check'>> {
  const ledger = Ledger.openForReading(config.stateDir);
  try {
    const history = ledger?.clockHistory();
    const limits = absenceLimits({ rows: config['sessions.maxAge'], transcripts: config.maxAge });
    const now = history && nextHistory(history, readClocks(clock));
    if (now === undefined || !JOB_NAMES.some((job) => isDoubted(now, job, limits))) {
      return { level: 'ok', message: 'agrees with what earlier runs saw' };
    }
    return {
      level: 'problem',
      message: 'has jumped since the last run: nothing is removed until it has stood for a while',
      advice: 'set it right; if it is right, say --run-now --allow-mass-removal once',
    };
  } finally {
    ledger?.close();
  }
}

async function examineStateDir(config: Config): Promise<Omit<Finding, 'check'>> {
  const stats = statSync(config.stateDir, { throwIfNoEntry: false });
  if (stats === undefined) return { level: 'notice', message: 'is not there yet; the first run makes it' };
  const fault = stateDirFault(config.stateDir);
  if (fault !== undefined) return { level: 'problem', message: `${fault.message}: nothing runs`, advice: fault.remedy };
  if ((stats.mode & FOREIGN_BITS) === 0) return { level: 'ok', message: 'for its owner alone' };
  return {
    level: 'notice',
    message: 'other users of this machine can look into it: it names conversations and sessions',
    advice: `chmod go-rwx ${config.stateDir}`,
  };
}
