/** How a session came to be, by what is in its transcript. Observed with Claude Code 2.1. */

import type { SessionClass } from '../config/class-ages.ts';

const BY_ENTRYPOINT: ReadonlyMap<string, SessionClass> = new Map([
  ['cli', 'cli'],
  ['claude-vscode', 'cli'],
  ['sdk-cli', 'sdk'],
  ['sdk-ts', 'sdk'],
  ['sdk-py', 'sdk'],
  ['mcp', 'sdk'],
  ['claude-code-github-action', 'sdk'],
  ['claude-desktop', 'desktop'],
  ['claude-desktop-3p', 'desktop'],
  ['local-agent', 'desktop'],
  ['remote', 'remote'],
]);

/** What the entries of a transcript say of how it came to be. */
export interface SessionOrigin {
  /** Those of the first and of the last entry that name one. */
  readonly entrypoints: readonly (string | undefined)[];
  /** The first that an entry names: `bg` for a background job. */
  readonly sessionKind: string | undefined;
  /** What began the first turn: `human`, `sdk`, `scheduled` and others. */
  readonly firstTurn: string | undefined;
  /** Turns that a person has begun. */
  readonly humanTurns: number;
}

/** @returns undefined where nothing known is named */
export function classOf({ entrypoints, sessionKind, firstTurn, humanTurns }: SessionOrigin): SessionClass | undefined {
  const classes = entrypoints.map((entrypoint) => BY_ENTRYPOINT.get(entrypoint ?? ''));
  // Claude spares what Desktop has made or written last.
  if (classes.includes('desktop')) return 'desktop';
  // The prompt that begins a background job is a person's too; an answer is a second one.
  if (sessionKind === 'bg') return humanTurns > 1 ? 'cli' : 'background';
  if (firstTurn === 'scheduled') return humanTurns > 0 ? 'cli' : 'background';
  return classes[0] === 'sdk' && humanTurns > 0 ? 'cli' : classes[0];
}

const NEWLINE = 0x0a;

/** Entries that are no part of a conversation; whatever else an entry is may be one. */
const METADATA_TYPES: ReadonlySet<unknown> = new Set([
  ...['ai-title', 'custom-title', 'tag', 'summary', 'last-prompt', 'agent-name', 'agent-color', 'agent-setting'],
  ...['mode', 'permission-mode', 'pr-link', 'queue-operation', 'worktree-state', 'bridge-session'],
  'file-history-snapshot',
]);

/** Whether all entries of a whole transcript are metadata; one that does not parse is none. */
export function isMetadataAlone(transcript: Buffer): boolean {
  let hasAny = false;
  for (let start = 0; start < transcript.length; ) {
    const newline = transcript.indexOf(NEWLINE, start);
    const end = newline === -1 ? transcript.length : newline;
    const line = transcript.toString('utf8', start, end);
    start = end + 1;
    if (line.trim() === '') continue;
    if (!METADATA_TYPES.has(typeOf(line))) return false;
    hasAny = true;
  }
  return hasAny;
}

function typeOf(line: string): unknown {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' && entry !== null && 'type' in entry ? entry.type : undefined;
  } catch {
    return undefined;
  }
}
