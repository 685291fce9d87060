/** Conversation keys `<forge>:<agent>:<repo>:<issue>`: built and taken apart here and nowhere else. */

import { OperatingError } from '../errors.ts';

export interface SessionKeyParts {
  /** The code forge, e.g. `forgejo`. */
  readonly forge: string;
  /** The agent that holds the conversation, e.g. `architect`. */
  readonly agent: string;
  /** The repository, e.g. `acme/my_app`. */
  readonly repo: string;
  /** The issue or pull request. */
  readonly issue: string | number;
}

export const SESSION_KEY_LENGTH_MAX = 1024;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here.
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

/**
 * Builds the key of a conversation.
 * @throws OperatingError (`usage`) naming every part that is missing, empty, or holds a colon or a control character.
 * @example sessionKey({ forge: 'forgejo', agent: 'architect', repo: 'acme/my_app', issue: 12 }) // 'forgejo:architect:acme/my_app:12'
 */
export function sessionKey(parts: SessionKeyParts): string {
  const { forge, agent, repo, issue }: Partial<SessionKeyParts> = parts ?? {};
  const faults = [
    ...Object.entries({ forge, agent, repo }).flatMap(([name, part]) => partFault(name, part) ?? []),
    ...(issueFault(issue) ?? []),
  ];
  if (faults.length > 0) throw new OperatingError('usage', `session key: ${faults.join('; ')}`);
  return checkedKey(`${forge}:${agent}:${repo}:${issue}`);
}

function partFault(name: string, part: unknown): readonly string[] | undefined {
  if (part === undefined) return [`${name} is missing`];
  if (typeof part === 'string' && part !== '' && !part.includes(':') && !CONTROL_CHARACTER.test(part)) return undefined;
  return [`${name} ${shownPart(part)} must be text, and not be empty or hold ':' or control characters`];
}

/** Without it, all of a repository would share one conversation. */
function issueFault(issue: unknown): readonly string[] | undefined {
  if (typeof issue !== 'number') return partFault('issue', issue);
  return Number.isSafeInteger(issue) && issue >= 0 ? undefined : [`issue ${issue} must be a whole number`];
}

function shownPart(part: unknown): string {
  return typeof part === 'string' ? JSON.stringify(part) : String(part);
}

/** An issue as a host names it to drop its conversations: text that no key of ours holds finds none. @throws OperatingError `usage` */
export function checkIssue(repo: unknown, issue: unknown): void {
  const faults = [
    ...(typeof repo === 'string' ? [] : (partFault('repo', repo) ?? [])),
    ...(typeof issue === 'string' ? [] : (issueFault(issue) ?? [])),
  ];
  if (faults.length > 0) throw new OperatingError('usage', `drop all for issue: ${faults.join('; ')}`);
}

/** The parts of a key of ours; undefined for a key of another shape, which is opaque to us. */
export function parseSessionKey(key: string): (SessionKeyParts & { readonly issue: string }) | undefined {
  const [forge, agent, repo, issue, ...rest] = key.split(':');
  if (!forge || !agent || !repo || !issue || rest.length > 0) return undefined;
  return { forge, agent, repo, issue };
}

/** Whether a key is of an issue, by its parts; of every forge where none is named. */
export function isOfIssue(key: string, repo: string, issue: string | number, forge: string | undefined): boolean {
  const parts = parseSessionKey(key);
  if (parts === undefined || parts.repo !== repo || parts.issue !== String(issue)) return false;
  return forge === undefined || parts.forge === forge;
}

/** Any key that a host may use: not empty, not endless, one line of text. */
export function checkedKey(key: string): string {
  if (typeof key !== 'string' || key === '') throw new OperatingError('usage', 'session key: must not be empty');
  if (key.length > SESSION_KEY_LENGTH_MAX) {
    throw new OperatingError('usage', `session key: longer than ${SESSION_KEY_LENGTH_MAX} characters`);
  }
  // SQLite would store all halves of a surrogate pair as one and the same replacement character.
  if (!key.isWellFormed()) throw new OperatingError('usage', `session key: ${JSON.stringify(key)} is no text`);
  if (CONTROL_CHARACTER.test(key)) {
    throw new OperatingError('usage', `session key: ${JSON.stringify(key)} holds control characters`);
  }
  return key;
}
