/** Grows Claude directories of many files, in the shape of real ones, and puts back what a prune has taken from them. */

import { existsSync, mkdirSync, readdirSync, renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/process.ts';
import { writeAgedIn } from '../support/tree.ts';
import {
  directoriesOf,
  fileCount,
  filesOf,
  type GrownSession,
  sessionsOf,
  type TreeShape,
  transcriptOf,
} from './grown-session.ts';

/** A file that is to take a deleted one's place. */
interface Spare {
  readonly from: string;
  readonly to: string;
}

const TOP_DIRECTORIES = ['projects', 'file-history', 'tasks'];

export class GrownTree {
  readonly path: string;
  readonly sessions: readonly GrownSession[];
  readonly files: number;
  /** Of each project, by its name, when the newest of its sessions was used. */
  readonly projects: ReadonlyMap<string, number>;
  readonly #spares: Spare[][] = [];
  #grownSpares = 0;
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
      const directory = `${this.path}-spares-${this.#grownSpares}`;
      this.#grownSpares += 1;
      mkdirSync(directory);
      const files = this.expired.flatMap((session) => filesOf(this.path, session).map((file) => ({ session, file })));
      this.#spares.push(
        files.map(({ session, file }, number) => {
          writeAgedIn(`${directory}/${number}`, file.content, session.mtimeMs);
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
    // Some take directories, too.
    if (spares.length > 0) for (const session of this.expired) this.#makeDirectories(session);
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
      if (existsSync(transcriptOf(this.path, session)) === gone.has(session)) {
        return `session ${session.id} is ${gone.has(session) ? 'still there' : 'gone'}`;
      }
    }
    const left = this.places.reduce((sum, place) => sum + countFiles(place), 0);
    const expected = this.files - removed.reduce((sum, session) => sum + fileCount(session), 0);
    return left === expected ? undefined : `${left} files are left, not ${expected}`;
  }

  #write(session: GrownSession): void {
    this.#makeDirectories(session);
    for (const { path, content } of filesOf(this.path, session)) writeAgedIn(path, content, session.mtimeMs);
    this.#setTimes(session);
  }

  #makeDirectories(session: GrownSession): void {
    for (const directory of directoriesOf(this.path, session)) mkdirSync(directory, { recursive: true });
  }

  #setTimes(session: GrownSession): void {
    const seconds = session.mtimeMs / 1_000;
    for (const directory of directoriesOf(this.path, session)) utimesSync(directory, seconds, seconds);
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
    return this.expired.some((session) => !existsSync(transcriptOf(this.path, session)));
  }

  /** Out of every trash folder, each of which is a mirror of the tree; then the trash goes out of the way. */
  #putBack(): void {
    const sweeper = `${this.path}/session-sweeper`;
    const trash = `${sweeper}/trash`;
    if (!existsSync(sweeper)) return;
    for (const run of existsSync(trash) ? readdirSync(trash) : []) {
      for (const project of namesIn(`${trash}/${run}/projects`)) {
        // A prune takes a project's directory with the last session in it.
        mkdirSync(`${this.path}/projects/${project}`, { recursive: true });
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
