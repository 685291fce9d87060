/** Grows Claude directories of many files, in the shape of real ones, and puts back what a prune has taken from them. */

import {
  closeSync,
  existsSync,
  futimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  utimesSync,
  writeSync,
} from 'node:fs';
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

interface GrownFile {
  readonly path: string;
  readonly content: string;
}

/** A file that is to take a deleted one's place. */
interface Spare {
  readonly from: string;
  readonly to: string;
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
  readonly #spares: Spare[][] = [];
  #asides = 0;

  private constructor(path: string, sessions: readonly GrownSession[]) {
    this.path = path;
    this.sessions = sessions;
    this.files = sessions.reduce((sum, session) => sum + fileCount(session), 0);
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

  get expired(): readonly GrownSession[] {
    return this.sessions.filter(({ isExpired }) => isExpired);
  }

  /**
   * Makes files ready that take the place of deleted ones: ext4 is slow to make new ones for minutes after many were deleted.
   * @param times how often all that is expired will be deleted
   */
  growSpares(times: number): void {
    for (let made = 0; made < times; made += 1) {
      const directory = `${this.path}-spares-${this.#spares.length}-${made}`;
      mkdirSync(directory);
      const files = this.expired.flatMap((session) => this.#filesOf(session).map((file) => ({ session, file })));
      this.#spares.push(
        files.map(({ session, file }, number) => {
          writeFile(`${directory}/${number}`, file.content, session.mtimeMs / 1_000);
          return { from: `${directory}/${number}`, to: file.path };
        }),
      );
    }
  }

  /** Makes it what it was before anything was pruned; nothing is deleted for it, for the same reason. */
  async restore(): Promise<void> {
    this.#putBack();
    const spares = this.#isDeleted() ? this.#spares.pop() : [];
    if (spares === undefined) throw new Error('no spares are left');
    for (const { from, to } of spares) renameSync(from, to);
    for (const session of this.expired) this.#setTimes(session);
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
    const expected = this.files - removed.reduce((sum, session) => sum + fileCount(session), 0);
    return left === expected ? undefined : `${left} files are left, not ${expected}`;
  }

  #transcript({ project, id }: GrownSession): string {
    return `${this.path}/projects/${project}/${id}.jsonl`;
  }

  #filesOf(session: GrownSession): GrownFile[] {
    const { id, project, mtimeMs, agents, checkpoints, tasks } = session;
    const transcript = transcriptText(id, mtimeMs);
    return [
      { path: this.#transcript(session), content: transcript },
      ...numbered(agents, (number) => ({
        path: `${this.path}/projects/${project}/${id}/subagents/agent-a${id.slice(24)}${number}.jsonl`,
        content: transcript,
      })),
      ...numbered(checkpoints, (number) => ({
        path: `${this.path}/file-history/${id}/${id.slice(0, 8)}${number}@v1`,
        content: `export const before = '${id}';\n`,
      })),
      ...numbered(tasks, (number) => ({
        path: `${this.path}/tasks/${id}/${number}.json`,
        content: `{"id":"${number}","subject":"Read","status":"pending"}\n`,
      })),
    ];
  }

  /** Each after the one that it lies in. */
  #directoriesOf({ id, project, agents, checkpoints, tasks }: GrownSession): string[] {
    const home = `${this.path}/projects/${project}/${id}`;
    return [
      ...(agents > 0 ? [home, `${home}/subagents`] : []),
      ...(checkpoints > 0 ? [`${this.path}/file-history/${id}`] : []),
      ...(tasks > 0 ? [`${this.path}/tasks/${id}`] : []),
    ];
  }

  #write(session: GrownSession): void {
    for (const directory of this.#directoriesOf(session)) mkdirSync(directory);
    for (const { path, content } of this.#filesOf(session)) writeFile(path, content, session.mtimeMs / 1_000);
    this.#setTimes(session);
  }

  #setTimes(session: GrownSession): void {
    const seconds = session.mtimeMs / 1_000;
    for (const directory of this.#directoriesOf(session)) utimesSync(directory, seconds, seconds);
  }

  #setProjectTimes(): void {
    let newest = 0;
    for (const [project, mtimeMs] of this.projects) {
      utimesSync(`${this.path}/projects/${project}`, mtimeMs / 1_000, mtimeMs / 1_000);
      newest = Math.max(newest, mtimeMs);
    }
    for (const place of this.places) utimesSync(place, newest / 1_000, newest / 1_000);
  }

  #isDeleted(): boolean {
    return this.expired.some((session) => !existsSync(this.#transcript(session)));
  }

  /** Out of every trash run, each of which is a mirror of the tree; then the trash goes out of the way. */
  #putBack(): void {
    const sweeper = `${this.path}/session-sweeper`;
    const trash = `${sweeper}/trash`;
    if (!existsSync(sweeper)) return;
    for (const run of existsSync(trash) ? readdirSync(trash) : []) {
      for (const project of namesIn(`${trash}/${run}/projects`)) {
        moveAll(`${trash}/${run}/projects/${project}`, `${this.path}/projects/${project}`);
      }
      for (const name of ['file-history', 'tasks']) moveAll(`${trash}/${run}/${name}`, `${this.path}/${name}`);
    }
    renameSync(sweeper, `${this.path}-aside-${this.#asides}`);
    this.#asides += 1;
  }
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function moveAll(from: string, to: string): void {
  for (const name of namesIn(from)) renameSync(`${from}/${name}`, `${to}/${name}`);
}

function numbered<T>(count: number, make: (number: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index + 1));
}

function fileCount({ agents, checkpoints, tasks }: GrownSession): number {
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

function transcriptText(id: string, mtimeMs: number): string {
  const timestamp = new Date(mtimeMs).toISOString();
  const common = `"sessionId":"${id}","cwd":"/srv/app","version":"2.1.0","gitBranch":"main","timestamp":"${timestamp}"`;
  const question = `{"type":"user","uuid":"${id}",${common},"message":{"role":"user","content":"Why does this test fail?"}}`;
  const answer = `{"type":"assistant",${common},"message":{"role":"assistant","content":[{"type":"text","text":"It reads the clock."}]}}`;
  return `${question}\n${answer}\n`;
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
