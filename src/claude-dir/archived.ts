/** Whether a session was put into the archive, as the SDK's `archiveSession` writes it down. Observed with Claude Code 2.1. */

import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { fixedName } from '../files/byte-name.ts';
import { readSmallFile } from '../files/small-file.ts';
import type { SessionId } from './session-id.ts';

/** `{"archived":true,"at":"2026-01-31T04:17:21.000Z","by":"sdk"}` in the session's own directory. */
const ARCHIVED = fixedName('archived.json');
const BYTES_MAX = 4_096;

/**
 * Whatever cannot be read is no archive: the session then goes by how it came to be. A prompt that came later takes it out again.
 * @param lastEntryMs of its transcript, Unix epoch ms
 * @throws the system's error where descriptors or memory have run out
 */
export function isArchivedSince(project: AnchoredDir, sessionId: SessionId, lastEntryMs: number | undefined): boolean {
  const text = readRecord(project, sessionId);
  if (text === undefined) return false;
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record !== 'object' || record === null || !('archived' in record) || record.archived !== true)
      return false;
    const atMs = 'at' in record && typeof record.at === 'string' ? Date.parse(record.at) : Number.NaN;
    return atMs >= (lastEntryMs ?? Number.NEGATIVE_INFINITY);
  } catch {
    return false;
  }
}

function readRecord(project: AnchoredDir, sessionId: SessionId): string | undefined {
  try {
    const name = fixedName(sessionId);
    // Most have none, and an error costs more than all the rest.
    if (!project.has(name)) return undefined;
    const directory = project.openChild(name);
    try {
      const seen = directory.lstat(ARCHIVED);
      if (seen === undefined) return undefined;
      const file = readSmallFile(directory, ARCHIVED, BYTES_MAX, seen);
      return file.kind === 'text' && !file.isCut ? file.text : undefined;
    } finally {
      directory.close();
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || isExhaustion(code)) throw error;
    return undefined;
  }
}
