/** Finds and ages what a session has on disk, by nothing but its id in the path: independent of what the sweeper knows. */

import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCode } from '../../src/errors.ts';
import { until } from '../support/wait.ts';

/** Everything that carries the session's id in its path, or its first digits as a background job's, relative, children before parents. */
export function unitOf(configDir: string, sessionId: string): string[] {
  return everythingIn(configDir)
    .filter((path) => path.includes(sessionId) || path.startsWith(`jobs/${sessionId.slice(0, 8)}`))
    .filter((path) => !path.startsWith('session-sweeper/'))
    .sort((left, right) => right.length - left.length);
}

/** The client makes and removes directories of its own meanwhile, its locks among them: then all is listed once more. */
function everythingIn(directory: string): string[] {
  for (;;) {
    try {
      return readdirSync(directory, { recursive: true, encoding: 'utf8' });
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || !existsSync(directory)) throw error;
    }
  }
}

/** Makes a session as old as this, to the second. */
export function age(configDir: string, sessionId: string, ageMs: number): void {
  const seconds = Math.floor((Date.now() - ageMs) / 1_000);
  const unit = unitOf(configDir, sessionId);
  if (unit.length === 0) throw new Error(`${sessionId} has nothing on disk`);
  for (const path of unit) {
    if (path.endsWith('.jsonl')) ageEntries(join(configDir, path), seconds * 1_000);
    utimesSync(join(configDir, path), seconds, seconds);
  }
}

const TIMESTAMP = /"timestamp":"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)"/g;

/** Makes the times in a transcript older, letter for letter where they stand: the client may have more to append. */
function ageEntries(path: string, newestMs: number): void {
  const found = [...readFileSync(path, 'latin1').matchAll(TIMESTAMP)];
  const byMs = Math.max(...found.map(([, text = '']) => Date.parse(text))) - newestMs;
  if (!(byMs > 0)) return;
  const fd = openSync(path, 'r+');
  for (const { index, 0: field, 1: text = '' } of found) {
    const aged = new Date(Date.parse(text) - byMs).toISOString();
    writeSync(fd, field.replace(text, aged), index, 'latin1');
  }
  closeSync(fd);
}

/** The client writes its transcripts a little later than it speaks. */
const AT_REST_AFTER_MS = 500;

/** Makes a session old that the client has open: again and again, until the client has written all that it had to write. */
export async function ageAtRest(configDir: string, sessionId: string, ageMs: number): Promise<void> {
  await until(`${sessionId} to rest`, async () => {
    age(configDir, sessionId, ageMs);
    await delay(AT_REST_AFTER_MS);
    const newestMs = Math.max(...unitOf(configDir, sessionId).map((path) => statSync(join(configDir, path)).mtimeMs));
    return newestMs < Date.now() - ageMs || undefined;
  });
}
