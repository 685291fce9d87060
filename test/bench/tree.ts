/** Grows Claude directories of many files, in the shape of real ones, and grows again what a prune has taken from them. */

import { closeSync, existsSync, futimesSync, mkdirSync, openSync, readdirSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseSessionId, type SessionId } from '../../src/sessions/session-id.ts';
import { run } from '../faults/harness.ts';
import { DAY_MS, seededRandom } from '../support/tree.ts';

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

const EXPIRED_SHARE = 0.1;
/** find's `+30` are 31 whole days. */
const EXPIRED_DAYS = { from: 31.1, to: 90 };
const YOUNG_DAYS_MAX = 29;
/** Sizes of projects are log-normal: half of them have fewer sessions than this, a few have thousands. */
const PROJECT_SESSIONS_MEDIAN = 30;
const PROJECT_SESSIONS_SPREAD = 1.7;
const COMPANION_SHARE = 0.15;
const COMPANIONS_MAX = 3;
const TOP_DIRECTORIES = ['projects', 'file-history', 'tasks'];

export class GrownTree {
  readonly path: string;
  readonly sessions: readonly GrownSession[];
  readonly files: number;
  /** Of each project, by its name, when the newest of its sessions was used. */
  readonly projects: ReadonlyMap<string, number>;

  private constructor(path: string, sessions: readonly GrownSession[]) {
    this.path = path;
    this.sessions = sessions;
    this.files = sessions.reduce((sum, session) => sum + filesOf(session), 0);
    const projects = new Map<string, number>();
    for (const { project, mtimeMs } of sessions) {
      projects.set(project, Math.max(mtimeMs, projects.get(project) ?? 0));
    }
    this.projects = projects;
  }

  /** @param path is made */
  static grow(path: string, shape: TreeShape): GrownTree {
    const tree = new GrownTree(path, sessionsOf(shape));
    for (const name of TOP_DIRECTORIES) mkdirSync(join(path, name), { recursive: true });
    for (const project of tree.projects.keys()) mkdirSync(join(path, 'projects', project));
    for (const session of tree.sessions) tree.#write(session);
    tree.#setProjectTimes();
    return tree;
  }

  /** Where the sessions lie; the trash is not among them. */
  get places(): string[] {
    return TOP_DIRECTORIES.map((name) => join(this.path, name));
  }

  /** Makes it what it was before anything was pruned; a trash in it is gone. */
  async regrow(): Promise<void> {
    await removeTree(join(this.path, 'session-sweeper'));
    for (const session of this.sessions) if (session.isExpired) this.#write(session);
    this.#setProjectTimes();
    await settle(this.path);
  }

  /** Makes the directories that `expire.c` moves into. */
  makeMirror(path: string): void {
    for (const name of TOP_DIRECTORIES) mkdirSync(join(path, name), { recursive: true });
    for (const project of this.projects.keys()) mkdirSync(join(path, 'projects', project));
  }

  /** One sentence where not just `removed` have gone, by what lies on the disk; undefined where all is as it should be. */
  faultAfter(removed: readonly GrownSession[]): string | undefined {
    const gone = new Set(removed);
    for (const session of this.sessions) {
      if (existsSync(this.#transcript(session)) === gone.has(session)) {
        return `session ${session.id} is ${gone.has(session) ? 'still there' : 'gone'}`;
      }
    }
    const left = this.places.reduce((sum, place) => sum + countFiles(place), 0);
    const expected = this.files - removed.reduce((sum, session) => sum + filesOf(session), 0);
    return left === expected ? undefined : `${left} files are left, not ${expected}`;
  }

  #transcript({ project, id }: GrownSession): string {
    return `${this.path}/projects/${project}/${id}.jsonl`;
  }

  #write(session: GrownSession): void {
    const { id, project, mtimeMs, agents, checkpoints, tasks } = session;
    const seconds = mtimeMs / 1_000;
    writeFile(this.#transcript(session), transcriptText(id, mtimeMs), seconds);
    if (agents > 0) {
      const directory = `${this.path}/projects/${project}/${id}`;
      const files = Array.from({ length: agents }, (_, number) => `agent-a${id.slice(24)}${number}.jsonl`);
      writeDirectory(`${directory}/subagents`, files, transcriptText(id, mtimeMs), seconds);
      utimesSync(directory, seconds, seconds);
    }
    if (checkpoints > 0) {
      const files = Array.from({ length: checkpoints }, (_, number) => `${id.slice(0, 8)}${number}@v1`);
      writeDirectory(`${this.path}/file-history/${id}`, files, `export const before = '${id}';\n`, seconds);
    }
    if (tasks > 0) {
      const files = Array.from({ length: tasks }, (_, number) => `${number + 1}.json`);
      writeDirectory(`${this.path}/tasks/${id}`, files, '{"id":"1","subject":"Read","status":"pending"}\n', seconds);
    }
  }

  #setProjectTimes(): void {
    for (const [project, mtimeMs] of this.projects) {
      utimesSync(`${this.path}/projects/${project}`, mtimeMs / 1_000, mtimeMs / 1_000);
    }
    const newest = [...this.projects.values()].reduce((latest, time) => Math.max(latest, time), 0) / 1_000;
    for (const place of this.places) utimesSync(place, newest, newest);
  }
}

export function filesOf({ agents, checkpoints, tasks }: GrownSession): number {
  return 1 + agents + checkpoints + tasks;
}

function sessionsOf({ files, seed, expiredShare = EXPIRED_SHARE }: TreeShape): GrownSession[] {
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
      grown += filesOf(session);
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

function transcriptText(id: string, mtimeMs: number): string {
  const timestamp = new Date(mtimeMs).toISOString();
  const common = `"sessionId":"${id}","cwd":"/srv/app","version":"2.1.0","gitBranch":"main","timestamp":"${timestamp}"`;
  const question = `{"type":"user","uuid":"${id}",${common},"message":{"role":"user","content":"Why does this test fail?"}}`;
  const answer = `{"type":"assistant",${common},"message":{"role":"assistant","content":[{"type":"text","text":"It reads the clock."}]}}`;
  return `${question}\n${answer}\n`;
}

function writeDirectory(path: string, files: readonly string[], content: string, seconds: number): void {
  mkdirSync(path, { recursive: true });
  for (const file of files) writeFile(`${path}/${file}`, content, seconds);
  utimesSync(path, seconds, seconds);
}

/** With as few calls as can be: there are a million of them. */
function writeFile(path: string, content: string, seconds: number): void {
  const fd = openSync(path, 'w');
  writeSync(fd, content);
  futimesSync(fd, seconds, seconds);
  closeSync(fd);
}

export function countFiles(path: string): number {
  let files = 0;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    files += entry.isDirectory() ? countFiles(`${path}/${entry.name}`) : 1;
  }
  return files;
}

/** Quicker than node:fs, and without its stack of promises. */
export async function removeTree(path: string): Promise<void> {
  const { code, stderr } = await run('rm', ['-rf', path]);
  if (code !== 0) throw new Error(`rm -rf ${path}: ${stderr}`);
}

/** What was written before must not be written back while something is timed. */
export async function settle(path: string): Promise<void> {
  await run('sync', ['-f', path]);
}
