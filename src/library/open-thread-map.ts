/** Opens a host's thread map: which Slack thread goes on in which session. */

import { absolutePath, checkOptions, type OptionChecks, required, someFunction } from '../config/host-options.ts';
import { openHostThreadMap } from '../thread-map/host-thread-map.ts';
import type { ThreadMap } from '../thread-map/thread-map.ts';

export interface ThreadMapOptions {
  /**
   * The SQLite database with the table `sessions`, absolute path. What is missing of it is made: the file, the table, the index; its
   * journal mode and all else in it stay as they are.
   */
  readonly databasePath: string;
  /** Is told what keeps an old JSON file beside the database from being imported; default: one line by `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

const OPTIONS: OptionChecks<ThreadMapOptions> = {
  databasePath: required(absolutePath),
  onWarning: someFunction,
};

/**
 * Opens the thread map, also one that another program has made and has open. Close it, or declare it with `await using`.
 * @throws ConfigError naming every option that is wrong; OperatingError `config` (its table `sessions` is another one; a Node or a SQLite
 * binding that does not serve), `bad-data` (not a database, or an empty file), `unavailable`, `io`
 */
export async function openThreadMap(options: ThreadMapOptions): Promise<ThreadMap> {
  checkOptions<ThreadMapOptions>('openThreadMap', options, OPTIONS);
  return openHostThreadMap(options.databasePath, { onWarning: options.onWarning ?? warn });
}

function warn(message: string): void {
  console.warn(`claude-session-sweeper: ${message}`);
}
