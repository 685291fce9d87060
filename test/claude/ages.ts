/** Finds and ages what a session has on disk, by nothing but its id in the path: independent of what the sweeper knows. */

import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../support/wait.ts';

/** Everything that carries the session's id in its path, relative, children before parents. */
export function unitOf(configDir: string, sessionId: string): string[] {
  return readdirSync(configDir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.includes(sessionId) && !path.startsWith('session-sweeper/'))
    .sort((left, right) => right.length - left.length);
}

/** Makes a session as old as this, to the second. */
export function age(configDir: string, sessionId: string, ageMs: number): void {
  const seconds = Math.floor((Date.now() - ageMs) / 1_000);
  const unit = unitOf(configDir, sessionId);
  if (unit.length === 0) throw new Error(`${sessionId} has nothing on disk`);
  for (const path of unit) utimesSync(join(configDir, path), seconds, seconds);
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
