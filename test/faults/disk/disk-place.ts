/** A Claude directory on a small file system of its own, and an oracle that counts blocks and sessions itself. */

import { createHash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statfsSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Place } from '../../support/place.ts';
import type { Exit } from '../../support/process.ts';
import { seededRandom } from '../../support/samples.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';

export interface DiskSession {
  readonly id: string;
  readonly ageDays: number;
  readonly isLive: boolean;
  /** Relative to the Claude directory. */
  readonly files: readonly string[];
  readonly print: string;
}

export interface DiskPlaceOptions {
  readonly seed: number;
  readonly sessions: number;
  readonly bytesMax: number;
  readonly ageDays: readonly [min: number, max: number];
  /** Gives some of them a file of a terabyte with nothing in it. */
  readonly hasSparse?: boolean;
}

/** What is hashed of a file: the rest of a sparse one is nothing. */
const HASHED_BYTES_MAX = 2 ** 26;
const SPARSE_BYTES = 2 ** 40;
const LIVE_SHARE = 0.2;

export class DiskPlace extends Place {
  readonly sessions: readonly DiskSession[];
  readonly faults: string[] = [];
  readonly #random: () => number;

  /** The file system is mounted on the Claude directory, or above it, already. */
  constructor(directory: string, options: DiskPlaceOptions) {
    super(directory);
    mkdirSync(join(this.claudeDir, 'projects'), { recursive: true });
    mkdirSync(this.stateDir, { recursive: true, mode: 0o700 });
    this.#random = seededRandom(options.seed);
    this.sessions = Array.from({ length: options.sessions }, (_, number) => this.#make(number, options));
  }

  #make(number: number, { bytesMax, ageDays: [min, max], hasSparse = false }: DiskPlaceOptions): DiskSession {
    const id = sessionIdOf(number + 1);
    const ageDays = min + this.#random() * (max - min);
    const project = `projects/-srv-app-${number % 3}`;
    const files = [`${project}/${id}.jsonl`];
    this.#write(files[0] as string, Math.ceil(this.#random() * bytesMax), 0, ageDays);
    if (this.#random() < 0.5) {
      files.push(`file-history/${id}/a@v1`);
      this.#write(`file-history/${id}/a@v1`, Math.ceil(this.#random() * 9_000), 0, ageDays);
    }
    if (hasSparse && number % 4 === 0) {
      files.push(`${project}/${id}/tool-results/huge.txt`);
      this.#write(`${project}/${id}/tool-results/huge.txt`, 100, SPARSE_BYTES, ageDays);
    }
    const isLive = this.#random() < LIVE_SHARE;
    return { id, ageDays, isLive, files, print: printOf(this.claudeDir, files) };
  }

  #write(file: string, bytes: number, length: number, ageDays: number): void {
    const path = this.at(file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.alloc(bytes, `{"n":${this.#random()}}\n`));
    if (length > 0) {
      const fd = openSync(path, 'r+');
      ftruncateSync(fd, length);
      closeSync(fd);
    }
    const seconds = (Date.now() - ageDays * DAY_MS) / 1_000;
    utimesSync(path, seconds, seconds);
  }

  get live(): readonly DiskSession[] {
    return this.sessions.filter(({ isLive }) => isLive);
  }

  get others(): readonly DiskSession[] {
    return this.sessions.filter(({ isLive }) => !isLive);
  }

  async sweeper(...args: readonly string[]): Promise<Exit> {
    return this.run(['--max-age', '30d', '--shield', 'off', ...args]);
  }

  async pinLive(): Promise<void> {
    if (this.live.length > 0) await this.expectCode(['pin', ...this.live.map(({ id }) => id)], 0);
  }

  /** Names the live ones, and has everything made that a first run makes. */
  async warmUp(): Promise<void> {
    await this.pinLive();
    await this.expectCode(['--run-now', '--max-age', 'never'], 0);
  }

  async expectCode(args: readonly string[], code: number): Promise<Exit> {
    const exit = await this.sweeper(...args);
    this.expect(exit.code === code, `${args.join(' ')} ended with ${exit.code}: ${exit.stderr.slice(-300)}`);
    return exit;
  }

  expect(isTrue: boolean, fault: string): void {
    if (!isTrue) this.faults.push(fault);
  }

  /** Whole and in its place, whole in the trash, or gone; a session that is none of these is torn, and two copies are told. */
  whereIs({ files, print }: DiskSession): 'here' | 'trashed' | 'gone' | 'torn' | 'twice' {
    const roots = [
      this.claudeDir,
      ...this.trashFolders().map((name) => join(this.claudeDir, 'session-sweeper/trash', name)),
    ];
    const holding = roots.filter((root) => files.some((file) => exists(join(root, file))));
    if (holding.length === 0) return 'gone';
    if (holding.length > 1) return 'twice';
    const [root = ''] = holding;
    if (!files.every((file) => exists(join(root, file))) || printOf(root, files) !== print) return 'torn';
    return root === this.claudeDir ? 'here' : 'trashed';
  }

  trashFolders(): string[] {
    const trash = this.at('session-sweeper/trash');
    return exists(trash) ? readdirSync(trash) : [];
  }

  /** Nothing live is touched, and nothing at all is torn or there twice. */
  expectWhole(): void {
    for (const session of this.sessions) {
      const where = this.whereIs(session);
      if (session.isLive) this.expect(where === 'here', `live session ${session.id} is ${where}`);
      else this.expect(where !== 'torn' && where !== 'twice', `session ${session.id} is ${where}`);
    }
  }

  count(where: 'here' | 'trashed' | 'gone'): number {
    return this.sessions.filter((session) => this.whereIs(session) === where).length;
  }

  /** Allocated by sessions, in their places and in the trash. */
  takenBytes(): number {
    const places = ['projects', 'file-history', 'session-sweeper'].map((name) => this.at(name));
    return places.reduce((sum, path) => sum + (exists(path) ? blocksBelow(path) : 0), 0);
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.claudeDir);
    return bavail * bsize;
  }

  /** As a sync tool does it. */
  copyBack(path: string): void {
    cpSync(path, this.claudeDir, { recursive: true, preserveTimestamps: true });
  }

  copyTo(path: string): void {
    cpSync(this.claudeDir, path, {
      recursive: true,
      preserveTimestamps: true,
      filter: (from) => !from.includes('session-sweeper'),
    });
  }
}

export function blocksBelow(path: string): number {
  const { blocks, nlink } = lstatSync(path);
  if (!lstatSync(path).isDirectory()) return (blocks * 512) / nlink;
  return readdirSync(path).reduce((sum, name) => sum + blocksBelow(join(path, name)), blocks * 512);
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function printOf(root: string, files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    const { size } = lstatSync(join(root, file));
    hash.update(`${file} ${size}\n`);
    if (size <= HASHED_BYTES_MAX) hash.update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}
