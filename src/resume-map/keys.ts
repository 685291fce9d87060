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
 * @throws OperatingError (`usage`) where a part is empty or holds a colon or a control character.
 */
export function sessionKey({ forge, agent, repo, issue }: SessionKeyParts): string {
  const parts = { forge, agent, repo, issue: String(issue) };
  for (const [name, part] of Object.entries(parts)) {
    if (typeof part !== 'string' || part === '' || part.includes(':') || CONTROL_CHARACTER.test(part)) {
      throw new OperatingError(
        'usage',
        `session key: ${name} ${JSON.stringify(part)} must not be empty or hold ':' or control characters`,
      );
    }
  }
  return checkedKey(`${parts.forge}:${parts.agent}:${parts.repo}:${parts.issue}`);
}

/** The parts of a key of ours; undefined for a key of another shape, which is opaque to us. */
export function parseSessionKey(key: string): (SessionKeyParts & { readonly issue: string }) | undefined {
  const [forge, agent, repo, issue, ...rest] = key.split(':');
  if (!forge || !agent || !repo || !issue || rest.length > 0) return undefined;
  return { forge, agent, repo, issue };
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
