/** The keep list: sessions that a person pinned. One small file an id, so that two commands at once lose nothing. */

import { lstatSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { idsMeantBy, parseProtectedId, type SessionId } from '../claude-dir/session-id.ts';
import { errorCode, operatingError } from '../errors.ts';
import { makeGivenFile } from '../files/given-away.ts';
import { makePrivateDirectory } from '../files/private-directory.ts';
import { type LiveSource, withFreshReading } from './live-source.ts';

export interface Pin {
  readonly sessionId: SessionId;
  /** Unix epoch ms. */
  readonly pinnedAtMs: number;
}

export class KeepList {
  readonly #directory: string;
  readonly #mayBeMissing: boolean;

  /** @param stateDir the pins stand in its directory `pins`; where that is not there, nothing was ever pinned */
  constructor(stateDir: string, directory?: string) {
    this.#directory = directory ?? join(stateDir, 'pins');
    this.#mayBeMissing = directory === undefined;
  }

  /** A list of the same form in a directory of its own, which must be there. */
  static at(directory: string): KeepList {
    return new KeepList('', directory);
  }

  /** @returns whether it was not pinned before */
  pin(sessionId: SessionId): boolean {
    try {
      makePrivateDirectory(this.#directory);
      makeGivenFile(join(this.#directory, sessionId));
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw operatingError('io', `pin ${sessionId}`, error);
    }
  }

  /** @returns whether it was pinned */
  unpin(sessionId: SessionId): boolean {
    try {
      rmSync(join(this.#directory, sessionId));
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw operatingError('io', `unpin ${sessionId}`, error);
    }
  }

  /** Every pin, oldest first. */
  list(): Pin[] {
    const pins = this.#read().ids.map((sessionId): Pin => {
      const stats = statSync(join(this.#directory, sessionId), { throwIfNoEntry: false });
      return { sessionId, pinnedAtMs: stats?.mtimeMs ?? 0 };
    });
    return pins.sort((left, right) => left.pinnedAtMs - right.pinnedAtMs);
  }

  asLiveSource(): LiveSource {
    const source: LiveSource = {
      name: 'keep-list',
      protection: 'pinned',
      read: async () => {
        const { ids, others } = this.#read();
        return { ids: new Set([...ids, ...others.flatMap(idsMeantBy)]), malformed: others.length };
      },
      withLive: (ids, act) => withFreshReading(source, ids, act),
      check: async () => {
        this.#read();
      },
    };
    return source;
  }

  #read(): { readonly ids: SessionId[]; readonly others: readonly string[] } {
    try {
      const names = readdirSync(this.#directory);
      const ids = names.map(parseProtectedId).filter((id) => id !== undefined);
      return { ids, others: names.filter((name) => parseProtectedId(name) === undefined) };
    } catch (error) {
      // Nothing was ever pinned. Any other error is one, a symlink that leads nowhere too: pins that cannot be read must not
      // read as no pins.
      const isAbsent = errorCode(error) === 'ENOENT' && !isSymlink(this.#directory);
      if (isAbsent && this.#mayBeMissing) return { ids: [], others: [] };
      throw operatingError('unavailable', 'read the keep list', error);
    }
  }
}

function isSymlink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
