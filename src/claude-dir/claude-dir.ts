/** A Claude directory, held open: checked once for being one, and never left by what is done in it. */

import { homedir } from 'node:os';
import { isAbsolute, normalize } from 'node:path';
import { errorCode, errorMessage, OperatingError } from '../errors.ts';
import { AnchoredDir } from '../files/anchored-dir.ts';
import { displayName } from '../files/byte-name.ts';
import { mountIdOf } from '../files/mount-id.ts';
import { mountPointsBelow } from '../files/mount-points.ts';
import { PROJECTS } from './layout.ts';
import {
  isOfClaudeDir,
  type LinkedProjects,
  openLinkedProjects,
  RefusedLinkError,
  refusal,
} from './linked-projects.ts';
import type { Surroundings } from './measure.ts';

/** Group and others. */
const FOREIGN_WRITE_BITS = 0o022;

/** The trash has to lie beside it, in one file system, or nothing could be renamed into it. */
const PROJECTS_ELSEWHERE =
  'or, to keep transcripts on another disk, move the whole Claude directory there, and name it to Claude (CLAUDE_CONFIG_DIR) and here (claudeDir)';

/**
 * It is not there, closed to us, or open to strangers: of several, it is passed over. Where `projects/` is a symlink or a mount, another
 * directory's sessions may be at work through it, and they would not be known to be.
 */
export class UnreachableDirError extends OperatingError {
  constructor(message: string, options?: ErrorOptions) {
    super('unsafe-root', message, options);
  }
}

export class ClaudeDir {
  /** As the user named it. */
  readonly path: string;
  /** The directory itself, with what Claude says of its processes and settings. */
  readonly home: AnchoredDir;
  /** What `projects/` really lies in, with our own directory: the same, unless `projects/` is a symlink. */
  readonly root: AnchoredDir;
  readonly projects: AnchoredDir;
  readonly surroundings: Surroundings;
  /** Undefined where `projects/` is no symlink. */
  readonly link: Pick<LinkedProjects, 'path' | 'ownPath'> | undefined;

  private constructor(path: string, home: AnchoredDir, opened: Opened) {
    const { projects, link } = opened;
    const root = link?.root ?? home;
    this.path = path;
    this.home = home;
    this.root = root;
    this.projects = projects;
    this.link = link;
    // Claude writes in projects/; the directory itself may be a mount point that another user has made.
    root.giveChildrenTo(projects);
    const mountPoints = link?.mountPoints ?? mountPointsBelow(root);
    this.surroundings = { dev: root.dev, mountId: mountIdOf(root.fd), uid: projects.uid, mountPoints };
  }

  /** @throws OperatingError (`unsafe-root`) where the path is not a Claude directory that can be worked in safely */
  static open(path: string): ClaudeDir {
    // Without a slash at its end: with one, the system would follow a symlink all the same.
    const plain = plainPath(path);
    const home = openDirectory(path, () => AnchoredDir.open(plain), path);
    try {
      const opened = openDirectory(`${path}/projects`, () => openProjects(home, path), path);
      try {
        const claudeDir = new ClaudeDir(path, home, opened);
        claudeDir.#throwIfForeignProjects();
        claudeDir.#throwIfForeignWriters();
        return claudeDir;
      } catch (error) {
        opened.projects.close();
        opened.link?.root.close();
        throw error;
      }
    } catch (error) {
      home.close();
      throw error;
    }
  }

  /** The same for all that lead to the same sessions: they share lock and trash. */
  get identity(): string {
    const { identity } = this.root;
    return this.link === undefined || isOfClaudeDir(this.link) ? identity : `${identity}:${this.projects.ino}`;
  }

  /** Removing is a rename into the trash beside `projects/`: both must lie in one mount, or it could only copy and unlink. */
  #throwIfForeignProjects(): void {
    if (this.projects.dev === this.root.dev && !this.surroundings.mountPoints.has(PROJECTS)) return;
    throw new OperatingError(
      'unsafe-root',
      `open Claude directory ${displayName(this.path)}: its projects/ is a mount of its own, so nothing can be renamed from it into the trash; mount the whole directory instead`,
    );
  }

  /** As root we would act for whoever may write there. */
  #throwIfForeignWriters(): void {
    if (process.geteuid?.() !== 0) return;
    for (const [name, directory] of [
      ['it', this.home],
      ['its projects/', this.projects],
    ] as const) {
      if ((directory.mode & FOREIGN_WRITE_BITS) === 0) continue;
      throw new UnreachableDirError(
        `open Claude directory ${displayName(this.path)}: ${name} can be written by others than its owner, and this worker runs as root; chmod go-w it`,
      );
    }
  }

  close(): void {
    this.projects.close();
    this.root.close();
    this.home.close();
  }
}

interface Opened {
  readonly projects: AnchoredDir;
  readonly link: LinkedProjects | undefined;
}

function openProjects(home: AnchoredDir, path: string): Opened {
  try {
    const link = openLinkedProjects(home);
    return { projects: link?.projects ?? home.openChild(PROJECTS), link };
  } catch (error) {
    throw error instanceof RefusedLinkError ? refusal(error, path, PROJECTS_ELSEWHERE) : error;
  }
}

/** @throws OperatingError (`unsafe-root`) where the path alone tells that it is none to work in */
function plainPath(path: string): string {
  const throwUnsafe = (fault: string) => {
    throw new OperatingError('unsafe-root', `open Claude directory ${JSON.stringify(path)}: ${fault}`);
  };
  if (!isAbsolute(path)) throwUnsafe('it must be an absolute path');
  if (path.split('/').some((component) => component === '.' || component === '..'))
    throwUnsafe("it must not hold '.' or '..'");
  const plain = normalize(path).replace(/\/+$/, '');
  if (plain === '') throwUnsafe('it is the root of the file system');
  if (plain === normalize(homedir()).replace(/\/+$/, '')) throwUnsafe('it is the home directory');
  return plain;
}

const REDIRECTED_CODES: ReadonlySet<string> = new Set(['ELOOP', 'ENOTDIR']);

function openDirectory<T>(path: string, open: () => T, root: string): T {
  try {
    return open();
  } catch (error) {
    if (error instanceof OperatingError) throw error;
    const message = `open Claude directory ${displayName(root)}: ${faultOf(error, path)}`;
    if (REDIRECTED_CODES.has(errorCode(error) ?? ''))
      throw new OperatingError('unsafe-root', message, { cause: error });
    throw new UnreachableDirError(message, { cause: error });
  }
}

function faultOf(error: unknown, path: string): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return `there is no ${displayName(path)}; is this a Claude directory, and is its file system mounted?`;
    case 'ELOOP':
    case 'ENOTDIR':
      return `${displayName(path)} is a symlink or not a directory; ${path.endsWith(`/${PROJECTS}`) ? PROJECTS_ELSEWHERE : 'symlinks are never followed, so name the real path'}`;
    default:
      return errorMessage(error);
  }
}
