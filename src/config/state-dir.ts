/** Where hosts and the worker meet on disk: the resume map, the ledger and the keep list stand in it, and no other name of it loses them. */

import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const NAME = 'claude-session-sweeper';
/** Hosts and workers before 0.1.0 had their state under this name. */
const FORMER_NAME = 'claude-hooks';
/** What says whose sessions stay, and what has been removed. Everything else there can be made anew. */
const STATE = ['sessions.db', 'ledger.db', 'sessions.json', 'pins'];

/** The one of today's name; where that holds no state and the one of the former name does, the latter: what it names must go on protecting. */
export function defaultStateDir(home: string, environment: Environment): string {
  if (environment.CLAUDE_HOOKS_STATE_DIR) return environment.CLAUDE_HOOKS_STATE_DIR;
  const own = stateDirOfName(NAME, home, environment);
  const former = stateDirOfName(FORMER_NAME, home, environment);
  return !holdsState(own) && holdsState(former) ? former : own;
}

/** @returns undefined where a host has said where its state is, which then was never by its former name elsewhere */
export function formerDefaultStateDir(home: string, environment: Environment): string | undefined {
  return environment.CLAUDE_HOOKS_STATE_DIR ? undefined : stateDirOfName(FORMER_NAME, home, environment);
}

export interface StatePlaces {
  readonly stateDir: string;
  /** By its former name; only where the state directory is the default one. */
  readonly formerStateDir: string | undefined;
}

/** @returns the directory of the former name, where it holds state of its own beside the state directory's */
export function stateDirBeside({ stateDir, formerStateDir: former }: StatePlaces): string | undefined {
  if (former === undefined || former === stateDir || !holdsState(former)) return undefined;
  // A symlink may lead from the one name to the other.
  const [here, there] = [stateDir, former].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }));
  return here !== undefined && here.dev === there?.dev && here.ino === there.ino ? undefined : former;
}

/** @returns what the state directory would be called today, where it still has its former name */
export function nameOfToday({ stateDir, formerStateDir }: StatePlaces): string | undefined {
  return stateDir === formerStateDir ? join(stateDir, '..', NAME) : undefined;
}

function stateDirOfName(name: string, home: string, environment: Environment): string {
  const stateHome = environment.XDG_STATE_HOME;
  // The XDG specification has relative paths ignored.
  return `${stateHome?.startsWith('/') ? stateHome : `${home}/.local/state`}/${name}`;
}

/** What cannot be looked at may well hold some; whoever opens it says so then. */
function holdsState(directory: string): boolean {
  return STATE.some((name) => {
    try {
      return lstatSync(join(directory, name), { throwIfNoEntry: false }) !== undefined;
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return errorCode(error) !== 'ENOTDIR';
    }
  });
}
