/** The Claude directories of a configuration: opened together, locked together. */

import { OperatingError } from '../errors.ts';
import { requireAnchoring } from '../files/anchored-dir.ts';
import { displayName } from '../files/byte-name.ts';
import { ClaudeDir } from './claude-dir.ts';
import { acquireDirLocks, type DirLock, type LockedDirs } from './dir-lock.ts';

/** The part of the configuration that names them. */
export interface ClaudeDirSettings {
  readonly claudeDir: readonly string[];
}

/**
 * @param locked the only directories that may be opened, where a lock has been taken
 * @throws OperatingError (`unsafe-root`)
 */
export function openClaudeDirs(
  config: ClaudeDirSettings,
  onOpened: (claudeDir: ClaudeDir) => void,
  locked?: LockedDirs,
): ClaudeDir[] {
  requireAnchoring();
  // In one order everywhere, so that two workers never wait for each other's locks.
  return config.claudeDir.toSorted().map((path) => {
    const claudeDir = ClaudeDir.open(path);
    onOpened(claudeDir);
    if (locked !== undefined) throwIfUnlocked(claudeDir, locked);
    return claudeDir;
  });
}

/** Between the lock and this, another directory may have been put under the name: in that one somebody else may be at work. */
function throwIfUnlocked({ path, root }: ClaudeDir, locked: LockedDirs): void {
  if (locked.includes(root.identity)) return;
  throw new OperatingError('unsafe-root', `open Claude directory ${displayName(path)}: it was exchanged meanwhile`);
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
