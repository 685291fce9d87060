/**
 * Tells whose a part is whose name does not follow from its session's id. What cannot be told for certain belongs to nobody, and
 * stays.
 */

import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, fixedName } from '../files/byte-name.ts';
import { inDirectory } from '../files/in-directory.ts';
import type { DirEntry } from '../files/native-calls.ts';
import { readSmallFile } from '../files/small-file.ts';
import { ILLEGIBLE_JOB, JOB_RECORD_BYTES_MAX, JOB_STATE, parseJobState } from './job-records.ts';
import { asObject, parseJson } from './record-text.ts';
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
  /** Whether an entry is to be looked at at all: none that this denies is found. */
  mayBe(entry: DirEntry): boolean;
  /** The one name that a session's part can have here, where there is one: then the directory need not be listed for it. */
  readonly nameFor?: (sessionId: SessionId) => ByteName;
}

/** To-do lists by older releases of Claude Code: `ID.json`, and `ID-agent-ID.json` for each agent. */
export const TO_DO_LISTS: IrregularParts = partsByForm([{ kind: 'file', rest: /^(-agent-[0-9a-f-]+)?\.json$/ }]);

/**
 * What Claude puts aside when it needs a name that is taken: `ID.orphaned-<time>-<suffix>.jsonl`, `ID.jsonl.superseded-<time>`, and
 * a session's directory likewise.
 */
const SET_ASIDE: IrregularParts = partsByForm([
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
  const find = ({ name }: DirEntry): IrregularPart | undefined => {
    const rest = name.slice(SESSION_ID_LENGTH);
    const form = rest === '' ? undefined : forms.find((one) => one.rest.test(rest));
    const sessionId = form && parseSessionId(name.slice(0, SESSION_ID_LENGTH));
    return sessionId && { owner: { sessionId }, kind: form.kind };
  };
  return { find, mayBe: (entry) => find(entry) !== undefined };
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
  mayBe: ({ name }) => TEAM_TASKS_NAME.test(name),
  nameFor: (sessionId) => fixedName(`session-${headOf(sessionId)}`),
};

const AGENT_NAME = /^agent-[0-9A-Za-z-]+\.jsonl$/;
/** An agent's first line is what it was told to do: mostly the first size is enough, and nothing beyond the last one is looked at. */
const FIRST_LINE_BYTES = [8 * 1024, 64 * 1024];

/** What older releases of Claude Code wrote of agents beside the transcripts: `agent-<id>.jsonl`. Its first line names the session. */
const AGENT_TRANSCRIPTS: IrregularParts = {
  mayBe: ({ name, kind }) => kind === 'file' && AGENT_NAME.test(name),
  find: (entry, directory) => {
    if (!AGENT_TRANSCRIPTS.mayBe(entry)) return undefined;
    const { name } = entry;
    const line = readFirstLine(directory, name);
    const sessionId = parseSessionId(asObject(parseJson(line ?? '')?.value)?.sessionId);
    return sessionId && { owner: { sessionId }, kind: 'file' };
  },
};

/** What a project directory holds beside transcripts and sessions' directories. */
export const IN_PROJECT: IrregularParts = {
  find: (entry, directory) => SET_ASIDE.find(entry, directory) ?? AGENT_TRANSCRIPTS.find(entry, directory),
  mayBe: (entry) => SET_ASIDE.mayBe(entry) || AGENT_TRANSCRIPTS.mayBe(entry),
};

const JOB_NAME = /^[0-9a-f]{8}$/;

/**
 * Directories of background jobs, `<first eight digits>/`, each of the session that its state names and it is called after. Whether the
 * job is at work is not asked here: for as long as it is, its session is.
 */
export const JOB_DIRECTORIES: IrregularParts = {
  mayBe: ({ name, kind }) => kind === 'directory' && JOB_NAME.test(name),
  find: (entry, directory) => {
    if (!JOB_DIRECTORIES.mayBe(entry)) return undefined;
    const { name } = entry;
    const sessionId = readJobSessions(directory, name).find((id) => headOf(id) === name);
    return sessionId && { owner: { sessionId }, kind: 'directory' };
  },
  nameFor: (sessionId) => fixedName(headOf(sessionId)),
};

/** Nothing of a line that is longer than any, or of what cannot be read. */
function readFirstLine(directory: AnchoredDir, name: ByteName): string | undefined {
  for (const bytesMax of FIRST_LINE_BYTES) {
    const beginning = readBeginning(directory, name, bytesMax);
    if (beginning === undefined) return undefined;
    const { text, isCut } = beginning;
    const end = text.indexOf('\n');
    if (end !== -1 || !isCut) return end === -1 ? text : text.slice(0, end);
  }
  return undefined;
}

function readJobSessions(jobs: AnchoredDir, name: ByteName): readonly SessionId[] {
  try {
    return inDirectory(jobs, name, (job) => {
      const state = readBeginning(job, JOB_STATE, JOB_RECORD_BYTES_MAX);
      const { sessionIds, isWhole } = state === undefined ? ILLEGIBLE_JOB : parseJobState(state.text, state.isCut);
      return isWhole ? [...sessionIds] : [];
    });
  } catch (error) {
    return nothingOf(error);
  }
}

function readBeginning(directory: AnchoredDir, name: ByteName, bytesMax: number) {
  try {
    const facts = directory.lstat(name);
    const file = facts && readSmallFile(directory, name, bytesMax, facts);
    return file?.kind === 'text' ? file : undefined;
  } catch (error) {
    nothingOf(error);
    return undefined;
  }
}

/** What cannot be read is nobody's. @throws the error where descriptors or memory have run out */
function nothingOf(error: unknown): [] {
  const code = errorCode(error);
  if (code === undefined || isExhaustion(code)) throw error;
  return [];
}
