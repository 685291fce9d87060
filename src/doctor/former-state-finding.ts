/** Tells of state that still lies under the former name, and of the command that brings it under the name of today. */

import { nameOfToday, type StatePlaces, stateDirBeside } from '../config/state-dir.ts';
import { shellWord } from '../format/shell-word.ts';
import type { Finding } from './finding.ts';

/** @returns undefined where there is nothing to tell */
export function formerStateFinding(places: StatePlaces): Finding | undefined {
  const found = stillFormer(places) ?? besideFormer(places);
  return found && { check: 'former state directory', level: 'notice', ...found };
}

type Told = Required<Pick<Finding, 'message' | 'advice'>>;

function stillFormer(places: StatePlaces): Told | undefined {
  const today = nameOfToday(places);
  if (today === undefined) return undefined;
  const { stateDir } = places;
  return {
    message: `${stateDir} is used, as it holds the state: today its name is ${today}`,
    advice: `with no host and no worker at work: ${renaming(stateDir, today)}`,
  };
}

/** A host that goes on under the former name finds the same state there. */
function renaming(former: string, today: string): string {
  return `mv -T ${wordOf(former)} ${wordOf(today)} && ln -s ${wordOf(today)} ${wordOf(former)}`;
}

function besideFormer(places: StatePlaces): Told | undefined {
  const former = stateDirBeside(places);
  if (former === undefined) return undefined;
  return {
    message: `${former} holds state, too, beside ${places.stateDir}: the sessions that it names stay`,
    advice: `where a host works with it, CLAUDE_HOOKS_STATE_DIR=${wordOf(former)} for this program, too; else mv -T ${wordOf(former)} ${wordOf(`${former}.unused`)}`,
  };
}

function wordOf(path: string): string {
  return shellWord(Buffer.from(path, 'utf8').toString('latin1'));
}
