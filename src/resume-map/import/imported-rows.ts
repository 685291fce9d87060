/** From an entry of an old `sessions.json` to the row that it becomes. */

import { parseSessionId, type SessionId } from '../../claude-dir/session-id.ts';
import { errorMessage } from '../../errors.ts';
import { checkedKey } from '../keys.ts';
import { NEVER_USED } from '../row-age.ts';

export interface ImportedRow {
  readonly key: string;
  readonly sessionId: SessionId;
  readonly lastUsedAtMs: number;
}

/** The agent that was renamed, so that its conversations go on under the new name. */
const RENAMED_AGENTS: ReadonlyMap<string, string> = new Map([['foreman', 'architect']]);

export class ImportedRows {
  readonly #defaultForge: string;
  readonly #named: ImportedRow[] = [];
  readonly #renamed: ImportedRow[] = [];

  constructor(defaultForge: string) {
    this.#defaultForge = defaultForge;
  }

  /**
   * @param value an id, or an object with one and the time of its last use
   * @returns what is wrong with the entry, where something is
   */
  add(oldKey: string, value: unknown): string | undefined {
    const key = currentKey(oldKey, this.#defaultForge);
    try {
      checkedKey(key);
    } catch (error) {
      return errorMessage(error);
    }
    if (typeof value === 'string') return this.#push(oldKey, key, value, NEVER_USED);
    if (typeof value !== 'object' || value === null) return 'a value that is neither a string nor an object';
    const { id, last_used_at: lastUsedAtMs } = value as { readonly id?: unknown; readonly last_used_at?: unknown };
    if (typeof lastUsedAtMs !== 'number' || !Number.isSafeInteger(lastUsedAtMs) || lastUsedAtMs < 0) {
      return 'last_used_at is not a time in milliseconds';
    }
    return this.#push(oldKey, key, id, lastUsedAtMs);
  }

  /** A conversation that already has its new name comes before one that only gets it by the renaming. */
  all(): ImportedRow[] {
    return this.#named.concat(this.#renamed);
  }

  #push(oldKey: string, key: string, id: unknown, lastUsedAtMs: number): string | undefined {
    const sessionId = parseSessionId(id);
    if (sessionId === undefined) return 'the session id is not a lower-case UUID';
    const rows = key === oldKey ? this.#named : this.#renamed;
    rows.push({ key, sessionId, lastUsedAtMs });
    return undefined;
  }
}

/** Keys of three parts come from before there were forges. Keys of another shape are a host's own, and stay as they are. */
function currentKey(oldKey: string, defaultForge: string): string {
  const parts = oldKey.split(':');
  if (parts.length !== 3 && parts.length !== 4) return oldKey;
  const newAgent = RENAMED_AGENTS.get(parts.at(-3) ?? '');
  // What stays as it is stays the very text that was read: a million keys are not held twice.
  if (parts.length === 4 && newAgent === undefined) return oldKey;
  if (parts.length === 3) parts.unshift(defaultForge);
  if (newAgent !== undefined) parts[1] = newAgent;
  return parts.join(':');
}

export function byKey(one: ImportedRow, other: ImportedRow): number {
  return one.key < other.key ? -1 : one.key > other.key ? 1 : 0;
}
