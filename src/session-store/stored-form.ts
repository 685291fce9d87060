/** What every session store does alike, whatever it writes to: keys are checked, entries are JSON texts, summaries are the SDK's. */

import { OperatingError, operatingError } from '../errors.ts';
import type { FoldSummary, SessionStoreEntry, SessionStoreKey, SessionSummary } from './sdk-shapes.ts';

const SDK = '@anthropic-ai/claude-agent-sdk';

/** The summary after an append, as it is stored. */
export function folded(
  fold: FoldSummary,
  before: string | null | undefined,
  key: SessionStoreKey,
  entries: SessionStoreEntry[],
  mtime: number,
): string {
  return JSON.stringify(fold(parseSummary(before), key, entries, { mtime }));
}

/** Undefined where it was written past the store: the SDK makes one from the entries then. */
export function parseSummary(text: string | null | undefined): SessionSummary | undefined {
  try {
    return typeof text === 'string' ? (JSON.parse(text) as SessionSummary) : undefined;
  } catch {
    return undefined;
  }
}

/** @throws OperatingError `bad-data` for what JSON cannot hold: a circle, a nesting deeper than the stack */
export function textOf(entry: SessionStoreEntry): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(entry);
  } catch (error) {
    throw operatingError('bad-data', 'session store: an entry cannot be written as JSON', error);
  }
  if (text !== undefined) return text;
  throw new OperatingError('bad-data', 'session store: an entry is nothing that JSON could hold');
}

export async function sdkFold(): Promise<FoldSummary> {
  try {
    // The name is not a literal: the SDK is no dependency of this package.
    const sdk = (await import(SDK as string)) as { foldSessionSummary: FoldSummary };
    return sdk.foldSessionSummary;
  } catch (error) {
    throw new OperatingError('config', `session store: install ${SDK}, or give foldSessionSummary`, { cause: error });
  }
}

export function sessionOf({ projectKey, sessionId }: { readonly projectKey: string; readonly sessionId: string }) {
  return { projectKey, sessionId };
}

export function boundKey(key: SessionStoreKey) {
  return { ...sessionOf(key), subpath: key.subpath ?? '' };
}

/** @throws OperatingError `usage` */
export function checkEntries(entries: SessionStoreEntry[]): void {
  if (!Array.isArray(entries)) throw new OperatingError('usage', 'session store: the entries must be a list');
}

/** @throws OperatingError `usage` naming the parts that are wrong */
export function checkKey(key: SessionStoreKey): void {
  const { projectKey, sessionId, subpath }: Partial<SessionStoreKey> = key ?? {};
  const wrong = Object.entries({ projectKey, sessionId, ...(subpath === undefined ? {} : { subpath }) })
    .filter(([, part]) => typeof part !== 'string' || part === '')
    .map(([name]) => name);
  if (wrong.length === 0) return;
  throw new OperatingError('usage', `session store: ${wrong.join(' and ')} must be text, and not empty`);
}
