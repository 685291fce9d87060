/** The sessions that dispatchers work on: what each must hold follows from its id and how often it was resumed. */

import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS, writeAged } from '../support/tree.ts';

const PROJECTS = 7;
const HEAD_LINES_MAX = 12;
const EXPIRED_DAYS = 45;

const numberOf = (id: string) => Number.parseInt(id.slice(-12), 16);

export function transcriptOf(id: string): string {
  return `projects/-srv-project-${numberOf(id) % PROJECTS}/${id}.jsonl`;
}

/** Every third session has a checkpoint beside its transcript. */
export function companionOf(id: string): string | undefined {
  return numberOf(id) % 3 === 0 ? `file-history/${id}/0a1b2c3d@v1` : undefined;
}

export function filesOf(id: string): string[] {
  return [transcriptOf(id), companionOf(id)].filter((file) => file !== undefined);
}

export function resumedLine(id: string, resume: number): string {
  return `${JSON.stringify({ sessionId: id, resume })}\n`;
}

/** What the transcript holds after it was resumed so many times. */
export function transcriptText(id: string, resumes: number): string {
  const head = Array.from({ length: 1 + (numberOf(id) % HEAD_LINES_MAX) }, (_, line) => `{"head":"${id}/${line}"}\n`);
  const tail = Array.from({ length: resumes }, (_, resume) => resumedLine(id, resume));
  return [...head, ...tail].join('');
}

export function makeExpired(claudeDir: string, id: string): void {
  for (const file of filesOf(id).reverse()) {
    writeAged(
      join(claudeDir, file),
      file === transcriptOf(id) ? transcriptText(id, 0) : companionText(id),
      expiredMs(id),
    );
  }
}

export function companionText(id: string): string {
  return `checkpoint of ${id}\n`;
}

/** Makes a transcript look as if nobody had used it for long. */
export function expireAgain(claudeDir: string, id: string): void {
  const seconds = expiredMs(id) / 1_000;
  utimesSync(join(claudeDir, transcriptOf(id)), seconds, seconds);
}

function expiredMs(id: string): number {
  return Date.now() - (EXPIRED_DAYS + (numberOf(id) % 20)) * DAY_MS;
}
