/** The seeded sessions of a grown tree: where each is, how old, and what files it has. */

import { parseSessionId, type SessionId } from '../../src/claude-dir/session-id.ts';
import { seededRandom } from '../support/samples.ts';
import { DAY_MS } from '../support/tree.ts';

export interface TreeShape {
  /** How many files there are in all, to within those of one session. */
  readonly files: number;
  readonly seed: number;
  /** The share of the sessions that are older than 30 days; default one in ten. */
  readonly expiredShare?: number;
}

export interface GrownSession {
  readonly id: SessionId;
  readonly project: string;
  readonly mtimeMs: number;
  readonly isExpired: boolean;
  readonly agents: number;
  readonly checkpoints: number;
  readonly tasks: number;
}

interface GrownFile {
  readonly path: string;
  readonly content: string;
}

const EXPIRED_SHARE = 0.1;
/** find's `+30` are 31 whole days. */
const EXPIRED_DAYS = { from: 31.1, to: 90 };
const YOUNG_DAYS_MAX = 29;
/** Sizes of projects are log-normal: half of them have fewer sessions than this, a few have thousands. */
const PROJECT_SESSIONS_MEDIAN = 30;
const PROJECT_SESSIONS_SPREAD = 1.7;
const COMPANION_SHARE = 0.15;
const COMPANIONS_MAX = 3;

export function fileCount({ agents, checkpoints, tasks }: GrownSession): number {
  return 1 + agents + checkpoints + tasks;
}

export function sessionsOf({ files, seed, expiredShare = EXPIRED_SHARE }: TreeShape): GrownSession[] {
  const random = seededRandom(seed);
  const nowMs = Date.now();
  const sessions: GrownSession[] = [];
  let grown = 0;
  for (let project = 0; grown < files; project += 1) {
    const size = Math.ceil(PROJECT_SESSIONS_MEDIAN * Math.exp(PROJECT_SESSIONS_SPREAD * normal(random)));
    for (let number = 0; number < size && grown < files; number += 1) {
      const isExpired = random() < expiredShare;
      const ageDays = isExpired
        ? EXPIRED_DAYS.from + random() * (EXPIRED_DAYS.to - EXPIRED_DAYS.from)
        : random() * YOUNG_DAYS_MAX;
      const session: GrownSession = {
        id: randomId(random),
        project: `-srv-project-${project}`,
        mtimeMs: Math.floor(nowMs - ageDays * DAY_MS),
        isExpired,
        agents: companions(random),
        checkpoints: companions(random),
        tasks: random() < COMPANION_SHARE ? 1 : 0,
      };
      sessions.push(session);
      grown += fileCount(session);
    }
  }
  return sessions;
}

function companions(random: () => number): number {
  return random() < COMPANION_SHARE ? 1 + Math.floor(random() * COMPANIONS_MAX) : 0;
}

/** Box and Muller's. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function randomId(random: () => number): SessionId {
  const hex = Array.from({ length: 4 }, () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  ).join('');
  const text = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  const id = parseSessionId(text);
  if (id === undefined) throw new Error(`${text} is no session id`);
  return id;
}

/** The shortest conversation that the real client writes is longer than 2 KB, which tells it from a title alone. */
const ANSWER_CHARACTERS = 2_000;
const ANSWER = 'It reads the clock. '.repeat(ANSWER_CHARACTERS / 20);

function transcriptText(id: string, mtimeMs: number): string {
  const timestamp = new Date(mtimeMs).toISOString();
  const common = `"sessionId":"${id}","cwd":"/srv/app","version":"2.1.0","gitBranch":"main","timestamp":"${timestamp}"`;
  const question = `{"type":"user","uuid":"${id}",${common},"message":{"role":"user","content":"Why does this test fail?"}}`;
  const answer = `{"type":"assistant",${common},"message":{"role":"assistant","content":[{"type":"text","text":"${ANSWER}"}]}}`;
  return `${question}\n${answer}\n`;
}

export function transcriptOf(tree: string, { project, id }: GrownSession): string {
  return `${tree}/projects/${project}/${id}.jsonl`;
}

export function filesOf(tree: string, session: GrownSession): GrownFile[] {
  const { id, project, mtimeMs, agents, checkpoints, tasks } = session;
  const transcript = transcriptText(id, mtimeMs);
  return [
    { path: transcriptOf(tree, session), content: transcript },
    ...numbered(agents, (number) => ({
      path: `${tree}/projects/${project}/${id}/subagents/agent-a${id.slice(24)}${number}.jsonl`,
      content: `{"type":"user","isSidechain":true,"sessionId":"${id}"}\n`,
    })),
    ...numbered(checkpoints, (number) => ({
      path: `${tree}/file-history/${id}/${id.slice(0, 8)}${number}@v1`,
      content: `export const before = '${id}';\n`,
    })),
    ...numbered(tasks, (number) => ({
      path: `${tree}/tasks/${id}/${number}.json`,
      content: `{"id":"${number}","subject":"Read","status":"pending"}\n`,
    })),
  ];
}

/** Each after the one that it lies in. */
export function directoriesOf(tree: string, { id, project, agents, checkpoints, tasks }: GrownSession): string[] {
  const home = `${tree}/projects/${project}/${id}`;
  return [
    ...(agents > 0 ? [home, `${home}/subagents`] : []),
    ...(checkpoints > 0 ? [`${tree}/file-history/${id}`] : []),
    ...(tasks > 0 ? [`${tree}/tasks/${id}`] : []),
  ];
}

function numbered<T>(count: number, make: (number: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index + 1));
}
