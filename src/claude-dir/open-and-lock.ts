/** The Claude directories of a configuration: opened together, locked together. */

import { errorCode, OperatingError, operatingError } from '../errors.ts';
import { requireAnchoring } from '../files/anchoring.ts';
import { displayName } from '../files/byte-name.ts';
import { ClaudeDir, UnreachableDirError } from './claude-dir.ts';
import { acquireDirLock, acquireDirLocks, type DirLock, distinctPlaces, type LockedDirs } from './dir-lock.ts';
import { type LiveDir, openSharers, recordSharer } from './sharers.ts';

/** The part of the configuration that names them. */
export interface ClaudeDirSettings {
  readonly claudeDir: readonly string[];
  /** One that is not there yet is left out, and no fault. */
  readonly mayClaudeDirBeMissing?: boolean;
}

/**
 * Opens as many as can be: one of several that is gone or closed to us holds up no other.
 * @param locked the only directories that may be opened, where a lock has been taken
 * @param onPassedOver is told of those that cannot be opened, and why, where there are others
 * @throws OperatingError (`unsafe-root`) where there is none to work in, or one of them cannot be passed over
 */
export function openClaudeDirs(
  config: ClaudeDirSettings,
  onOpened: (claudeDir: ClaudeDir) => void,
  locked?: LockedDirs,
  onPassedOver: (path: string, fault: OperatingError) => void = () => undefined,
): ClaudeDir[] {
  requireAnchoring();
  const faults: OperatingError[] = [];
  const passed: (readonly [path: string, fault: OperatingError])[] = [];
  // In one order everywhere, so that two workers never wait for each other's locks.
  const openOne = (path: string) => {
    const claudeDir = openUnlessMissing(path, config);
    if (claudeDir === undefined) return undefined;
    onOpened(claudeDir);
    if (locked !== undefined) throwIfUnlocked(claudeDir, locked);
    return claudeDir;
  };
  const opened = config.claudeDir.toSorted().flatMap((path) => {
    const known = faults.length;
    const claudeDir = passedOver(() => openOne(path), faults, isUnreachable);
    for (const fault of faults.slice(known)) passed.push([path, fault]);
    return claudeDir ?? [];
  });
  const [fault] = faults;
  if (opened.length === 0 && fault !== undefined) throw fault;
  for (const [path, one] of passed) onPassedOver(path, one);
  return opened;
}

function isUnreachable(error: OperatingError): boolean {
  return error instanceof UnreachableDirError;
}

/** @returns undefined for one that may be missing, and is */
function openUnlessMissing(path: string, { mayClaudeDirBeMissing = false }: ClaudeDirSettings): ClaudeDir | undefined {
  try {
    return ClaudeDir.open(path);
  } catch (error) {
    const isMissing = error instanceof UnreachableDirError && errorCode(error.cause) === 'ENOENT';
    if (mayClaudeDirBeMissing && isMissing) return undefined;
    throw error;
  }
}

/** Between the lock and this, another directory may have been put under the name: in that one somebody else may be at work. */
function throwIfUnlocked({ path, identity }: ClaudeDir, locked: LockedDirs): void {
  if (locked.includes(identity)) return;
  throw new UnreachableDirError(`open Claude directory ${displayName(path)}: it was exchanged meanwhile`);
}

/** The Claude directories that a job can do something with. */
export interface UsableDirs {
  /** Those of the configuration that can be looked into. */
  readonly openDirs: readonly ClaudeDir[];
  /** The same, and all others that lead to the same sessions: what is written there says who is live, wherever is worked. */
  readonly liveDirs: readonly LiveDir[];
  /** Those among them that may be worked in. */
  readonly claudeDirs: readonly ClaudeDir[];
  /** Why some are passed over. */
  readonly faults: readonly OperatingError[];
}

/**
 * Opens and locks as many as can be: one that is gone, closed to us or worked in by another holds up no other.
 * @param take is told what the caller has to give back
 * @param isToLook where nothing is changed, no lock is taken
 * @throws OperatingError where there is none to work in, or one of them cannot be passed over
 */
export function openUsableDirs(
  config: ClaudeDirSettings,
  take: { opened(opened: { close(): void }): void; lock(taken: DirLock): void },
  { isToLook, nowMs }: { readonly isToLook: boolean; readonly nowMs: number },
): UsableDirs {
  requireAnchoring();
  const faults: OperatingError[] = [];
  const openDirs = config.claudeDir.toSorted().flatMap((path) => {
    const claudeDir = passedOver(() => openUnlessMissing(path, config), faults, isUnreachable);
    if (claudeDir !== undefined) take.opened(claudeDir);
    return claudeDir ?? [];
  });
  const liveDirs: LiveDir[] = [...openDirs];
  // One of ours that is passed over is a sharer as any other: who is at work in it is not known.
  const known = new Set(openDirs.map(({ path }) => path));
  const knownDirs = distinctPlaces(openDirs).filter((claudeDir) => {
    const sharers = passedOver(() => openSharers(claudeDir, known, take.opened, nowMs), faults, isUnreachable);
    liveDirs.push(...(sharers ?? []));
    return sharers !== undefined;
  });
  const claudeDirs = knownDirs.filter((claudeDir) => {
    const lock = isToLook
      ? NO_LOCK
      : passedOver(
          () => acquireDirLock(claudeDir, 'run'),
          faults,
          () => true,
        );
    if (lock !== undefined) take.lock(lock);
    return lock !== undefined;
  });
  const [fault] = faults;
  if (claudeDirs.length === 0 && fault !== undefined) throw fault;
  if (!isToLook) faults.push(...recordSharers(openDirs, claudeDirs, nowMs));
  return { openDirs, liveDirs, claudeDirs, faults };
}

/** @returns why some could not be written down: what is full or broken holds up no run */
function recordSharers(
  openDirs: readonly ClaudeDir[],
  locked: readonly ClaudeDir[],
  nowMs: number,
): readonly OperatingError[] {
  const identities = new Set(locked.map(({ identity }) => identity));
  return openDirs.flatMap((claudeDir) => {
    if (!identities.has(claudeDir.identity)) return [];
    try {
      recordSharer(claudeDir, nowMs);
      return [];
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return operatingError('io', `write down who shares ${displayName(claudeDir.path)}/projects`, error);
    }
  });
}

const NO_LOCK: DirLock = { directories: [], release: () => undefined };

/** @returns undefined where it fails as it may, which is told */
function passedOver<T>(
  open: () => T,
  faults: OperatingError[],
  isPassable: (error: OperatingError) => boolean,
): T | undefined {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof OperatingError) || !isPassable(error)) throw error;
    faults.push(error);
    return undefined;
  }
}

/** Takes the lock of every Claude directory for one run. Opens them anew: it is on what stands under their names now. */
export function lockClaudeDirs(config: ClaudeDirSettings): DirLock {
  const claudeDirs: ClaudeDir[] = [];
  try {
    openClaudeDirs(config, (claudeDir) => claudeDirs.push(claudeDir));
    return acquireDirLocks(claudeDirs, 'run');
  } finally {
    for (const claudeDir of claudeDirs) claudeDir.close();
  }
}
