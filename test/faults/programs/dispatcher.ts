/**
 * A host at full speed: `dispatcher.js CLAUDE_DIR STATE_DIR THREADS NUMBER SEED FROM_MS UNTIL_MS`, with a thread map where THREADS is its
 * path, and not empty. It takes expired sessions up, resumes them and drops them, and checks all the time that what it holds a row for is there and whole. Its report goes to stdout.
 */

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { seededRandom } from '../../support/samples.ts';
import { sessionIdOf } from '../../support/tree.ts';
import {
  companionOf,
  companionText,
  expireAgain,
  makeExpired,
  resumedLine,
  transcriptOf,
  transcriptText,
} from '../dispatched-session.ts';
import { openResumeMapOf, openThreadMapOf } from './dispatched-map.ts';

export interface DispatcherReport {
  readonly operations: number;
  readonly liveChecks: number;
  /** Sessions that had been pruned before their row was there: no loss, the host starts afresh. */
  readonly foundPruned: number;
  /** One sentence for each session that was lost while its row was there. */
  readonly lost: readonly string[];
  /** How long it took to write down each that was taken up. */
  readonly setMs: readonly number[];
  /** How often each session that was ever made has been resumed. */
  readonly resumes: Readonly<Record<string, number>>;
}

interface Session {
  readonly id: string;
  resumes: number;
}

const SESSIONS_OF_ONE = 10_000_000;
const EXPIRED_MAX = 40;
const LIVE_MAX = 12;

const [claudeDir = '', stateDir = '', threads = '', number = '', seed = '', fromMs = '', untilMs = ''] =
  process.argv.slice(2);
const random = seededRandom(Number(seed) + Number(number));
const map = await (threads === '' ? openResumeMapOf(number, stateDir) : openThreadMapOf(number, threads));
const expired: Session[] = [];
const live = new Map<string, Session>();
const made: Session[] = [];
const lost: string[] = [];
const setMs: number[] = [];
const counts = { operations: 0, liveChecks: 0, foundPruned: 0 };

/** Removes and returns one of them. */
function takeAny<T>(items: T[]): T | undefined {
  return items.splice(Math.floor(random() * items.length), 1)[0];
}

function make(): void {
  const session = { id: sessionIdOf((1 + Number(number)) * SESSIONS_OF_ONE + made.length), resumes: 0 };
  makeExpired(claudeDir, session.id);
  made.push(session);
  expired.push(session);
}

async function takeUp(): Promise<void> {
  // The newest is the least likely to have been pruned already, and the likeliest to be pruned right now.
  const session = random() < 0.5 ? expired.pop() : takeAny(expired);
  const key = Array.from({ length: LIVE_MAX }, (_, slot) => map.keyOf(slot)).find((free) => !live.has(free));
  if (session === undefined || key === undefined) return;
  const startedAt = performance.now();
  await map.set(key, session.id);
  setMs.push(performance.now() - startedAt);
  if (existsSync(join(claudeDir, transcriptOf(session.id)))) {
    live.set(key, session);
    check(key, session, 'taken up');
    return;
  }
  counts.foundPruned += 1;
  await map.drop(key);
}

/** Claude appends without a look at what is there: where the transcript has gone, a tail alone would be left. */
async function resume(key: string, session: Session): Promise<void> {
  const found = await map.get(key);
  if (found !== session.id) lost.push(`the row of ${session.id} holds ${found}`);
  check(key, session, 'resumed');
  if (!live.has(key)) return;
  appendFileSync(join(claudeDir, transcriptOf(session.id)), resumedLine(session.id, session.resumes));
  session.resumes += 1;
  check(key, session, 'written to');
  // From here on its row alone protects it.
  if (random() < 0.5 && live.has(key)) expireAgain(claudeDir, session.id);
}

async function drop(key: string, session: Session): Promise<void> {
  check(key, session, 'dropped');
  if (!live.delete(key)) return;
  await map.drop(key);
  try {
    expireAgain(claudeDir, session.id);
    expired.push(session);
  } catch {
    // Without a row it may be pruned at any moment.
  }
}

function check(key: string, session: Session, moment: string): void {
  counts.liveChecks += 1;
  const fault = faultOf(session);
  if (fault === undefined || !live.has(key)) return;
  lost.push(`live session ${session.id}, just ${moment}: ${fault}`);
  live.delete(key);
}

function faultOf({ id, resumes }: Session): string | undefined {
  const transcript = textOf(transcriptOf(id));
  if (transcript === undefined) return 'its transcript is gone';
  const expected = transcriptText(id, resumes);
  if (transcript !== expected) return `its transcript holds ${transcript.length} bytes, not ${expected.length}`;
  const companion = companionOf(id);
  return companion === undefined || textOf(companion) === companionText(id) ? undefined : 'its companion is gone';
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(join(claudeDir, file), 'utf8');
  } catch {
    return undefined;
  }
}

async function step(): Promise<void> {
  const chance = random();
  const [key, session] = [...live][Math.floor(random() * live.size)] ?? [];
  if (expired.length < EXPIRED_MAX) make();
  if (chance < 0.45 || key === undefined || session === undefined) await takeUp();
  else if (chance < 0.6) await resume(key, session);
  else if (chance < 0.85) await drop(key, session);
  const [other, its] = [...live][Math.floor(random() * live.size)] ?? [];
  if (other !== undefined && its !== undefined) check(other, its, 'looked at');
}

await sleep(Math.max(0, Number(fromMs) - Date.now()));
while (Date.now() < Number(untilMs)) {
  await step();
  counts.operations += 1;
  await turn();
}
for (const [key, session] of live) check(key, session, 'left live');
await map.close();

const resumes = Object.fromEntries(made.map((session) => [session.id, session.resumes]));
const report: DispatcherReport = { ...counts, lost, setMs, resumes };
console.log(JSON.stringify(report));
