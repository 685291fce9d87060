/** Reads a whole Claude directory into a table of its units, in several threads where there is much to read. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { foreignOwnerOf } from '../claude-dir/foreign-place.ts';
import { COMPANION_PLACES, PROJECTS } from '../claude-dir/layout.ts';
import type { ReadFault } from '../claude-dir/measure.ts';
import { hidesNothing } from '../claude-dir/sibling-link.ts';
import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName } from '../files/byte-name.ts';
import { factsBelow } from '../files/facts-below.ts';
import type { FileFacts } from '../files/native-calls.ts';
import { nativePart } from '../files/native-part.ts';
import { shellWord } from '../format/shell-word.ts';
import { type DirectoryRecords, DirectoryScanner } from './directory-scan.ts';
import type { DirectoryTask } from './directory-task.ts';
import { NativeScan } from './native-scan.ts';
import type { ScanThreads } from './scan-threads.ts';
import { TaskQueue } from './task-queue.ts';
import { trashedLinks } from './trashed-links.ts';
import { UnitTable } from './unit-table.ts';

export interface ScanOptions {
  /** Asked between directories; the scan then ends with `stopped`. */
  readonly shouldStop?: () => Promise<boolean>;
  /** Called now and then with the number of sessions seen so far. */
  readonly onProgress?: (sessions: number) => void;
}

/** A project directory as it was found. */
export interface ProjectDir {
  readonly name: ByteName;
  /** How many entries it has, whatever they are; undefined where it could not be read. */
  readonly entries: number | undefined;
  /** When something last came into it or went, Unix epoch ms, as it was before it was read; undefined where that cannot be told. */
  readonly changedAtMs: number | undefined;
}

export interface ScanResult {
  readonly units: UnitTable;
  /** By the index of the project. */
  readonly projectDirs: readonly ProjectDir[];
  readonly stopped: boolean;
  readonly faults: readonly ReadFault[];
}

/** @throws the system's error where the process itself ran out of descriptors or memory */
export async function scanClaudeDir(claudeDir: ClaudeDir, options: ScanOptions = {}): Promise<ScanResult> {
  const scan = new Scan(claudeDir, options);
  await scan.runWithThreads();
  return scan.result();
}

/** The same in this thread alone, which does nothing else meanwhile. */
export function scanHere(claudeDir: ClaudeDir, options: Omit<ScanOptions, 'shouldStop'> = {}): ScanResult {
  const scan = new Scan(claudeDir, options);
  scan.run();
  return scan.result();
}

/** Other threads take some 50 ms to start: for less than this they would come too late. */
const THREADS_FROM_UNITS = 2_000;
/** A directory of this size, which is some thousand entries, is shared between threads. */
const SHARED_FROM_BYTES = 1 << 18;
const SHARES = 4;

class Scan {
  readonly #claudeDir: ClaudeDir;
  readonly #options: ScanOptions;
  readonly #faults: ReadFault[] = [];
  readonly #projects: ByteName[] = [];
  readonly #projectDirs: ProjectDir[] = [];
  readonly #units = new UnitTable(this.#projects);
  readonly #queue: TaskQueue;
  #projectsComplete = true;
  #companionsComplete = true;
  #stopped = false;

  constructor(claudeDir: ClaudeDir, options: ScanOptions) {
    this.#claudeDir = claudeDir;
    this.#options = options;
    this.#queue = TaskQueue.of(this.#tasks());
  }

  async runWithThreads(): Promise<void> {
    const native = nativePart();
    if (native === undefined) await this.#runByNode();
    else {
      const scan = new NativeScan(native, this.#claudeDir, this.#queue);
      await scan.run(
        (found) => this.#take(found),
        () => this.#shouldStop(),
      );
    }
    for (const _ of this.#linkSteps()) if (await this.#shouldStop()) return;
  }

  run(): void {
    const native = nativePart();
    if (native === undefined) for (const _ of this.#steps());
    else new NativeScan(native, this.#claudeDir, this.#queue).runHere((found) => this.#take(found));
    for (const _ of this.#linkSteps());
  }

  async #runByNode(): Promise<void> {
    let threads: ScanThreads | undefined;
    try {
      for (const _ of this.#steps()) {
        if (threads === undefined && this.#units.length >= THREADS_FROM_UNITS && !this.#queue.isEmpty) {
          // A small tree needs nothing of threads.
          const { ScanThreads } = await import('./scan-threads.ts');
          threads = ScanThreads.start(this.#queue, this.#claudeDir);
        }
        threads?.drain((found) => this.#take(found));
        if (await this.#shouldStop()) break;
      }
    } finally {
      await threads?.end(
        (found) => this.#take(found),
        () => void this.#shouldStop(),
      );
    }
  }

  /** Once all directories have been looked at: files that have more names than were seen may have them in the trash. */
  #linkSteps(): Iterable<undefined> {
    const { links, linkedPlaces } = this.#units;
    const unseen = links.unseen();
    if (unseen.size === 0 || this.#stopped) return [];
    return trashedLinks(this.#claudeDir, linkedPlaces, unseen, (inode, names) => links.add(inode, names));
  }

  /** Comes to rest before each directory. */
  *#steps(): Generator<undefined> {
    const { root, projects, surroundings } = this.#claudeDir;
    const scanner = new DirectoryScanner(root, projects, surroundings);
    try {
      for (let task = this.#queue.next(); task !== undefined; task = this.#queue.next()) {
        yield;
        this.#take(scanner.scan(task));
      }
    } catch (error) {
      this.#queue.stop();
      throw error;
    }
  }

  result(): ScanResult {
    const projects = this.#projectsComplete && !this.#stopped;
    this.#units.complete({ projects, companions: this.#companionsComplete });
    return { units: this.#units, projectDirs: this.#projectDirs, stopped: this.#stopped, faults: this.#faults };
  }

  /** The largest first, so that at the end no thread is left with one while the others idle. */
  #tasks(): DirectoryTask[] {
    const tasks: { readonly task: DirectoryTask; readonly bytes: number }[] = [];
    const add = (whole: DirectoryTask, facts: FileFacts | undefined) => {
      const bytes = facts?.size ?? 0;
      const shares = bytes >= SHARED_FROM_BYTES ? SHARES : 1;
      const ofShare = Math.ceil(bytes / shares);
      for (let share = 0; share < shares; share += 1)
        tasks.push({ task: { ...whole, share, shares, bytes: ofShare }, bytes });
    };
    const entries = this.#listProjects();
    const directories = new Set<string>(entries.filter(({ kind }) => kind === 'directory').map(({ name }) => name));
    for (const { name, kind } of entries) {
      // A symlink here may lead to transcripts that we do not see: then no companion counts as an orphan.
      if (kind === 'other' && !hidesNothing(this.#claudeDir, name, directories)) this.#projectsComplete = false;
      if (kind !== 'directory') continue;
      const project = this.#projects.push(name) - 1;
      const facts = factsOf(this.#claudeDir.projects, [name]);
      this.#projectDirs.push({ name, entries: 0, changedAtMs: facts?.mtimeMs });
      add({ kind: 'project', name, project, share: 0, shares: 1, bytes: 0 }, facts);
    }
    // What stands beside the end of a link is not Claude's.
    const places = this.#claudeDir.link === undefined ? COMPANION_PLACES : [];
    for (const [place, { directory }] of places.entries()) {
      add({ kind: 'companions', place, share: 0, shares: 1, bytes: 0 }, factsOf(this.#claudeDir.root, directory));
    }
    return tasks.sort((left, right) => right.bytes - left.bytes).map(({ task }) => task);
  }

  #listProjects() {
    try {
      // Of several projects that a session may belong to, the first counts: whoever lists them.
      return this.#claudeDir.projects.entries().sort((left, right) => (left.name < right.name ? -1 : 1));
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined || isExhaustion(code)) throw error;
      if (code !== 'ENOENT') this.#faults.push({ path: PROJECTS, code });
      this.#projectsComplete = false;
      return [];
    }
  }

  #take(found: DirectoryRecords): void {
    const { project, isRead, faults } = found;
    this.#units.add(found);
    if (project !== undefined) this.#countEntries(project, isRead ? found.entries : undefined);
    const place = isRead || project !== undefined ? undefined : COMPANION_PLACES[found.place ?? -1];
    const owner = place && foreignOwnerOf(this.#claudeDir, place.directory);
    const remedy = place === undefined || owner === undefined ? '' : this.#chown(owner, place.directory);
    for (const { path, code } of faults) this.#faults.push({ path, code: `${code}${remedy}` });
    // Where another user's directory is closed to us, Claude has nothing in it either.
    if (!isRead && project === undefined && owner === undefined) this.#companionsComplete = false;
    if (!isRead && project !== undefined) this.#projectsComplete = false;
    if (project !== undefined) this.#options.onProgress?.(this.#units.length);
  }

  #chown(owner: number, directory: readonly ByteName[]): string {
    const { path, surroundings } = this.#claudeDir;
    const target = shellWord(displayName(`${path}/${directory.join('/')}`));
    return `, since it belongs to user ${owner}; chown -R ${surroundings.uid} ${target}`;
  }

  #countEntries(project: number, entries: number | undefined): void {
    const directory = this.#projectDirs[project];
    if (directory === undefined) throw new Error(`no project ${project}`);
    const isKnown = entries !== undefined && directory.entries !== undefined;
    this.#projectDirs[project] = { ...directory, entries: isKnown ? directory.entries + entries : undefined };
  }

  async #shouldStop(): Promise<boolean> {
    this.#stopped ||= (await this.#options.shouldStop?.()) ?? false;
    if (this.#stopped) this.#queue.stop();
    return this.#stopped;
  }
}

/** For a guess of how much there is to do; what cannot be told is told when it is looked at. */
function factsOf(root: AnchoredDir, path: readonly ByteName[]): FileFacts | undefined {
  try {
    return factsBelow(root, path);
  } catch {
    return undefined;
  }
}
