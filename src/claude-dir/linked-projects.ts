/**
 * Where `projects/` is a symlink, as on hosts whose disk was full: it is followed once, to a directory that nobody else can have had
 * a hand in, and all that is done is done there. Lock, trash and records lie beside that directory, so that every removal is a rename,
 * and whoever else leads to it is locked out.
 */

import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { errnoError, errorCode, errorMessage, OperatingError } from '../errors.ts';
import { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, byteNameFromSystem, displayName, parseByteName } from '../files/byte-name.ts';
import { mountPointsBelow } from '../files/mount-points.ts';
import { shellWord } from '../format/shell-word.ts';
import { PROJECTS, SWEEPER_DIRECTORY } from './layout.ts';

const GROUP_WRITE_BIT = 0o020;
const OTHERS_WRITE_BIT = 0o002;
const ROOT = 0;

export interface LinkedProjects {
  /** What the real `projects/` lies in: of all that is there, only that and what is this program's is seen. */
  readonly root: AnchoredDir;
  readonly projects: AnchoredDir;
  /** The real path of `projects/`, byte for byte. */
  readonly path: string;
  /** The directory of this program beside it, byte for byte. */
  readonly ownPath: string;
  /** By the names that are seen in `root`. */
  readonly mountPoints: ReadonlySet<string>;
}

/** Why a link is not followed. */
export class RefusedLinkError extends Error {}

/**
 * @param home the Claude directory that the link lies in
 * @returns undefined where there is no link
 * @throws RefusedLinkError; the system's error where there is nothing at its end
 */
export function openLinkedProjects(home: AnchoredDir): LinkedProjects | undefined {
  const link = home.lstatExact(PROJECTS);
  const text = link?.isSymbolicLink() ? home.linkTarget(PROJECTS) : undefined;
  if (link === undefined || text === undefined) return undefined;
  // A rename changes this time: it is the very link whose owner is asked for.
  if (home.lstatExact(PROJECTS)?.ctimeNs !== link.ctimeNs) throw new RefusedLinkError('it is being exchanged');
  const projects = openTarget(home, text);
  let root: AnchoredDir | undefined;
  try {
    const path = projects.currentPath();
    throwIfOverlapping(path, home);
    root = AnchoredDir.open(`/proc/self/fd/${projects.fd}/..`);
    const name = byteNameFromSystem(path.slice(path.lastIndexOf('/') + 1));
    if (!root.holds(name, projects)) throw new RefusedLinkError('what it leads to is being moved');
    throwIfStrangers(Number(link.uid), home, projects, root);
    const all = mountPointsBelow(root);
    if (projects.dev !== root.dev || all.has(name)) throw ownMount(path);
    const own = ownName(name);
    const seen = new Map([
      [PROJECTS, name],
      [SWEEPER_DIRECTORY, own],
    ]);
    root.seeOnly(seen);
    root.giveChildrenTo(projects);
    const ownPath = `${path.slice(0, -name.length)}${own}`;
    throwIfNoPlace(root, projects, ownPath);
    return { root, projects, path, ownPath, mountPoints: asSeen(all, seen) };
  } catch (error) {
    root?.close();
    projects.close();
    throw error;
  }
}

/** Whether another Claude directory has its own `projects/` there, as far as its name tells: then the two share all. */
export function isOfClaudeDir({ path }: Pick<LinkedProjects, 'path'>): boolean {
  return path.endsWith(`/${PROJECTS}`);
}

function openTarget(home: AnchoredDir, text: string): AnchoredDir {
  const path = (text.startsWith('/') ? text : `${home.currentPath()}/${text}`).replace(/\/+$/, '');
  if (path === '') throw new RefusedLinkError('it leads to the root of the file system');
  try {
    return AnchoredDir.open(Buffer.from(path, 'latin1').toString('utf8'));
  } catch (error) {
    // Something is to be there: that is not as where nobody has ever used Claude.
    if (errorCode(error) === 'ENOENT') throw noTarget(path);
    if (errorCode(error) !== 'ELOOP' && errorCode(error) !== 'ENOTDIR') throw error;
    throw new RefusedLinkError(`${displayName(path)}, where it leads, is a symlink or not a directory`);
  }
}

function noTarget(path: string): Error {
  return errnoError('ENODEV', `there is no ${displayName(path)}, where projects/ leads; is its file system mounted?`);
}

/** Of two that lie in one another, no one could say what is whose. */
function throwIfOverlapping(path: string, home: AnchoredDir): void {
  const own = home.currentPath();
  const isWithin = (inner: string, outer: string) => inner === outer || inner.startsWith(`${outer}/`);
  const user = Buffer.from(homedir()).toString('latin1').replace(/\/+$/, '');
  if (isWithin(own, path) || isWithin(path, own) || isWithin(user, path)) {
    throw new RefusedLinkError(
      `${displayName(path)}, where it leads, and the Claude or home directory lie in one another`,
    );
  }
}

/** Whoever can write there could have us move what is not theirs, or take what we move. */
function throwIfStrangers(linkOwner: number, home: AnchoredDir, projects: AnchoredDir, parent: AnchoredDir): void {
  const user = process.geteuid?.() ?? ROOT;
  const trusted = new Set([ROOT, user]);
  const path = displayName(projects.currentPath());
  if (!trusted.has(linkOwner) && linkOwner !== home.uid) throw new RefusedLinkError(`it is user ${linkOwner}'s`);
  // As root we could be led to what is not theirs who made the link.
  if (user === ROOT && linkOwner !== ROOT) {
    if (projects.uid !== linkOwner) throw new RefusedLinkError(`${path}, where it leads, is user ${projects.uid}'s`);
  } else if (!trusted.has(projects.uid) && projects.uid !== home.uid) {
    throw new RefusedLinkError(`${path}, where it leads, is user ${projects.uid}'s`);
  }
  if (!trusted.has(parent.uid) && parent.uid !== projects.uid) {
    throw new RefusedLinkError(`the directory that ${path} lies in is user ${parent.uid}'s`);
  }
  const bits = user === ROOT ? GROUP_WRITE_BIT | OTHERS_WRITE_BIT : OTHERS_WRITE_BIT;
  for (const directory of [projects, parent]) {
    if ((directory.mode & bits) === 0) continue;
    const word = shellWord(directory.currentPath());
    throw new RefusedLinkError(`${displayName(directory.currentPath())} can be written by others; chmod go-w ${word}`);
  }
}

function ownMount(path: string): RefusedLinkError {
  const inner = shellWord(`${path}/projects`);
  return new RefusedLinkError(
    `${displayName(path)}, where it leads, is a mount of its own, so nothing can be renamed from it into a trash beside it; make it lead to a directory in there, as ${inner}`,
  );
}

/** Where the whole is another Claude directory, it is the one that a worker of that would use. */
function ownName(name: ByteName): ByteName {
  const own = name === PROJECTS ? SWEEPER_DIRECTORY : parseByteName(`${name}.${SWEEPER_DIRECTORY}`);
  if (own === undefined) throw new RefusedLinkError(`${displayName(name)}, where it leads, has too long a name`);
  return own;
}

function throwIfNoPlace(root: AnchoredDir, projects: AnchoredDir, ownPath: string): void {
  const shown = displayName(ownPath);
  const own = root.lstat(SWEEPER_DIRECTORY);
  if (own === undefined) {
    try {
      accessSync(`/proc/self/fd/${root.fd}/`, constants.W_OK | constants.X_OK);
    } catch (error) {
      if (errorCode(error) !== 'EACCES' && errorCode(error) !== 'EROFS') throw error;
      const word = shellWord(ownPath);
      const remedy = `mkdir ${word} && chown ${projects.uid}:${projects.gid} ${word}`;
      throw new RefusedLinkError(
        `its trash has to lie at ${shown}, which cannot be made (${errorMessage(error)}); ${remedy}`,
      );
    }
    return;
  }
  const trusted = new Set([ROOT, process.geteuid?.() ?? ROOT, projects.uid]);
  if (own.isDirectory() && trusted.has(own.uid) && (own.mode & OTHERS_WRITE_BIT) === 0) return;
  throw new RefusedLinkError(
    `its trash has to lie at ${shown}, and what is there is no directory, or others can write to it`,
  );
}

function asSeen(mountPoints: ReadonlySet<string>, seen: ReadonlyMap<ByteName, ByteName>): ReadonlySet<string> {
  const points = new Set<string>();
  for (const point of mountPoints) {
    for (const [name, onDisk] of seen) {
      if (point === onDisk || point.startsWith(`${onDisk}/`)) points.add(`${name}${point.slice(onDisk.length)}`);
    }
  }
  return points;
}

/** What an operator is told of a link that is refused. */
export function refusal(error: RefusedLinkError, path: string, elsewhere: string): OperatingError {
  const message = `open Claude directory ${displayName(path)}: its projects/ is a symlink, and ${error.message}; ${elsewhere}`;
  return new OperatingError('unsafe-root', message, { cause: error });
}
