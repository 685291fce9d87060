/**
 * Tells whose a part is whose name does not follow from its session's id. What cannot be told for certain belongs to nobody, and
 * stays.
 */

import { parseSessionId, SESSION_ID_LENGTH, type SessionId } from './session-id.ts';

export interface IrregularPart {
  readonly sessionId: SessionId;
  readonly kind: 'file' | 'directory';
}

/** Looks at the name of an entry; undefined for what is no session's. */
export type FindIrregularPart = (name: string) => IrregularPart | undefined;

/** To-do lists by older releases of Claude Code: `ID.json`, and `ID-agent-ID.json` for each agent. */
export const findToDoList: FindIrregularPart = finderByForms([{ kind: 'file', rest: /^(-agent-[0-9a-f-]+)?\.json$/ }]);

/**
 * What Claude puts aside when it needs a name that is taken: `ID.orphaned-<time>-<suffix>.jsonl`, `ID.jsonl.superseded-<time>`, and
 * a session's directory likewise.
 */
export const findSetAside: FindIrregularPart = finderByForms([
  { kind: 'file', rest: /^\.(orphaned|superseded)-[0-9A-Za-z-]+\.jsonl$/ },
  { kind: 'file', rest: /^\.jsonl\.(orphaned|superseded)-[0-9A-Za-z-]+$/ },
  { kind: 'directory', rest: /^\.(orphaned|superseded)-[0-9A-Za-z-]+$/ },
]);

interface Form {
  readonly kind: IrregularPart['kind'];
  /** What follows the session's id in the name. */
  readonly rest: RegExp;
}

function finderByForms(forms: readonly Form[]): FindIrregularPart {
  return (name) => {
    const rest = name.slice(SESSION_ID_LENGTH);
    const form = rest === '' ? undefined : forms.find((one) => one.rest.test(rest));
    const sessionId = form && parseSessionId(name.slice(0, SESSION_ID_LENGTH));
    return sessionId && { sessionId, kind: form.kind };
  };
}
