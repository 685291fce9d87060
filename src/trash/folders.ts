/** The folders of one trash, opened one at a time and closed again: one that cannot be read does not hide the others. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { SWEEPER_DIRECTORY, TRASH_DIRECTORY } from '../claude-dir/layout.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { errorCode, errorMessage } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import { isEmptyTree, removeEmptyTree, type TrashBounds } from './destroy.ts';
import { isFolderName } from './folder.ts';
import { MANIFEST_NAME, type ManifestEntry, ManifestWriter } from './manifest.ts';
import { lineNames } from './name-lines.ts';
import { hasWholeLine, readManifest } from './read-manifest.ts';
import type { OpenFolder } from './restore.ts';

/** A session in the trash. */
export interface TrashedSession extends ManifestEntry {
  /** The trash folder that it lies in. */
  readonly run: ByteName;
}

export interface TrashContents {
  readonly sessions: readonly TrashedSession[];
  /** Runs whose manifest could not be read; nothing of them is ever purged. */
  readonly unreadableFolders: readonly UnreadableFolder[];
}

export interface UnreadableFolder {
  readonly run: ByteName;
  /** The system's name of the error, or a sentence that says what is not understood. */
  readonly code: string;
}

/** A folder and what its manifest says. */
export interface ReadFolder {
  readonly directory: AnchoredDir;
  readonly entries: ReadonlyMap<SessionId, ManifestEntry>;
}

export class TrashFolders {
  readonly claudeDir: ClaudeDir;
  /** The directory of the trash itself. */
  readonly directory: AnchoredDir;

  /** @param directory is closed with this */
  constructor(claudeDir: ClaudeDir, directory: AnchoredDir) {
    this.claudeDir = claudeDir;
    this.directory = directory;
  }

  names(): ByteName[] {
    const directories = this.directory.entries().filter(({ name, kind }) => kind === 'directory' && isFolderName(name));
    return directories.map((entry) => entry.name).sort();
  }

  /** Opens a folder whose manifest is known already; the caller closes it. @throws the system's error */
  open(run: ByteName): AnchoredDir {
    return this.directory.openChild(run);
  }

  /** Opens a folder for reading; the caller closes its directory. @throws the system's error where its manifest cannot be read */
  read(run: ByteName): ReadFolder {
    const directory = this.directory.openChild(run);
    try {
      return { directory, entries: readManifest(directory) };
    } catch (error) {
      directory.close();
      throw error;
    }
  }

  /** One run that cannot be read does not hide the others. */
  inEach(use: (directory: AnchoredDir, run: ByteName) => void): UnreadableFolder[] {
    const unreadable: UnreadableFolder[] = [];
    for (const run of this.names()) {
      try {
        this.within(run, (directory) => use(directory, run));
      } catch (error) {
        const code = errorCode(error);
        if (code === undefined) throw error;
        unreadable.push({ run, code: code === 'EBADMSG' ? errorMessage(error) : code });
      }
    }
    return unreadable;
  }

  within(run: ByteName, use: (directory: AnchoredDir) => void): void {
    const directory = this.directory.openChild(run);
    try {
      use(directory);
    } finally {
      directory.close();
    }
  }

  withManifest(directory: AnchoredDir, use: (run: OpenFolder) => void): void {
    const manifest = ManifestWriter.append(directory);
    try {
      this.between(directory, (claudeDir, trash) => use({ manifest, claudeDir, trash }));
    } finally {
      manifest.close();
    }
  }

  between(directory: AnchoredDir, use: (claudeDir: OpenDirs, trash: OpenDirs) => void): void {
    const claudeDir = new OpenDirs(this.claudeDir.root);
    const trash = new OpenDirs(directory);
    try {
      use(claudeDir, trash);
    } finally {
      claudeDir.close();
      trash.close();
    }
  }

  /** A run that died before its manifest said anything has moved nothing. @returns whether it was one, and is gone */
  removeUnbegun(directory: AnchoredDir, run: ByteName): boolean {
    if (hasBegun(directory)) return false;
    const names = lineNames(directory);
    if (!removeEmptyTree(directory, [MANIFEST_NAME, ...names])) return false;
    if (directory.has(MANIFEST_NAME)) directory.unlink(MANIFEST_NAME);
    for (const name of names) directory.unlink(name);
    this.directory.removeDirectory(run);
    return true;
  }

  boundsOf(run: ByteName): TrashBounds {
    const { dev, mountPoints } = this.claudeDir.surroundings;
    const prefix = `${SWEEPER_DIRECTORY}/${TRASH_DIRECTORY}/${run}/`;
    const inRun = [...mountPoints].filter((point) => point.startsWith(prefix));
    return { dev, mountPoints: inRun.map((point) => point.slice(prefix.length)) };
  }

  close(): void {
    this.directory.close();
  }
}

/** A run that was killed before its first word has moved nothing. @throws the system's error */
export function hasNothing(directory: AnchoredDir): boolean {
  return !hasBegun(directory) && isEmptyTree(directory, [MANIFEST_NAME, ...lineNames(directory)]);
}

/** Whether a manifest says anything. @throws the system's error */
function hasBegun(directory: AnchoredDir): boolean {
  const manifest = directory.lstat(MANIFEST_NAME);
  return manifest !== undefined && (!manifest.isFile() || hasWholeLine(directory));
}
