/**
 * Tells whose a part is whose name does not follow from its session's id. What cannot be told for certain belongs to nobody, and
 * stays.
 */

import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, fixedName } from '../files/byte-name.ts';
import type { DirEntry } from '../files/native-calls.ts';
import { parseSessionId, SESSION_ID_LENGTH, type SessionId } from './session-id.ts';

/** A session, or the only session whose id begins with these eight digits: where several do, it is nobody's. */
export type PartOwner = { readonly sessionId: SessionId } | { readonly head: string };

export interface IrregularPart {
  readonly owner: PartOwner;
  readonly kind: 'file' | 'directory';
}

export interface IrregularParts {
  /**
   * Tells what an entry is; undefined for what is no session's.
   * @param directory that the entry lies in: into some, one has to look
   * @throws the system's error where the process itself ran out of descriptors or memory
   */
  find(entry: DirEntry, directory: AnchoredDir): IrregularPart | undefined;
  /** The one name that a session's part can have here, where there is one: then the directory need not be listed for it. */
  readonly nameFor?: (sessionId: SessionId) => ByteName;
}

/** To-do lists by older releases of Claude Code: `ID.json`, and `ID-agent-ID.json` for each agent. */
export const TO_DO_LISTS: IrregularParts = partsByForm([{ kind: 'file', rest: /^(-agent-[0-9a-f-]+)?\.json$/ }]);

/**
 * What Claude puts aside when it needs a name that is taken: `ID.orphaned-<time>-<suffix>.jsonl`, `ID.jsonl.superseded-<time>`, and
 * a session's directory likewise.
 */
export const SET_ASIDE: IrregularParts = partsByForm([
  { kind: 'file', rest: /^\.(orphaned|superseded)-[0-9A-Za-z-]+\.jsonl$/ },
  { kind: 'file', rest: /^\.jsonl\.(orphaned|superseded)-[0-9A-Za-z-]+$/ },
  { kind: 'directory', rest: /^\.(orphaned|superseded)-[0-9A-Za-z-]+$/ },
]);

interface Form {
  readonly kind: IrregularPart['kind'];
  /** What follows the session's id in the name. */
  readonly rest: RegExp;
}

function partsByForm(forms: readonly Form[]): IrregularParts {
  return {
    find: ({ name }) => {
      const rest = name.slice(SESSION_ID_LENGTH);
      const form = rest === '' ? undefined : forms.find((one) => one.rest.test(rest));
      const sessionId = form && parseSessionId(name.slice(0, SESSION_ID_LENGTH));
      return sessionId && { owner: { sessionId }, kind: form.kind };
    },
  };
}

/** The prefix that Claude shortens a session's id to. */
const HEAD_LENGTH = 8;

export function headOf(sessionId: SessionId): string {
  return sessionId.slice(0, HEAD_LENGTH);
}

const TEAM_TASKS_NAME = /^session-([0-9a-f]{8})$/;

/** The task lists of a session's team of agents: `session-<first eight digits>/`. */
export const TEAM_TASKS: IrregularParts = {
  find: ({ name }) => {
    const head = TEAM_TASKS_NAME.exec(name)?.[1];
    return head === undefined ? undefined : { owner: { head }, kind: 'directory' };
  },
  nameFor: (sessionId) => fixedName(`session-${headOf(sessionId)}`),
};
