/** The settings of what is looked after: Claude directories, session stores, the resume map, and who else says that a session is live. */

import { showSources, sourceSettings } from '../source-settings.ts';
import { defaultStateDir } from '../state-dir.ts';
import { type SharedStoreSettings, sharedStoreSettings, showSharedStores } from '../store-settings.ts';
import * as values from '../values.ts';
import { setting } from './setting.ts';

/** How long a row of the resume map may stay unused (30 d): as long as its transcript, so that no conversation is forgotten over a weekend. */
export const DEFAULT_SESSION_MAX_AGE_MS = 30 * 86_400_000;

export function lookedAfterSettings(home: string) {
  return {
    claudeDir: setting(values.absolutePaths(home), {
      argument: 'DIR',
      description: 'Claude directory to look after; may be given more than once',
      defaultText: '`$CLAUDE_CONFIG_DIR`, else `~/.claude`',
      defaultValue: ({ environment }) => [environment.CLAUDE_CONFIG_DIR || `${home}/.claude`],
      show: (value) => value.join(':'),
    }),
    stateDir: setting(values.absolutePath(home), {
      argument: 'DIR',
      description: 'where the resume map, the ledger and the keep list are',
      defaultText:
        '`$CLAUDE_HOOKS_STATE_DIR`, else `$XDG_STATE_HOME/claude-session-sweeper`, else `~/.local/state/claude-session-sweeper`',
      defaultValue: ({ environment }) => defaultStateDir(home, environment),
      show: String,
    }),
    'sessions.db': setting(values.absolutePath(home), {
      argument: 'FILE',
      description: "SQLite database with the resume map; a host's own must exist and hold the table",
      defaultText: '`sessions.db` in the state directory',
      // Depends on another setting; filled in when all are known.
      defaultValue: () => '',
      show: String,
    }),
    'sessions.store': setting(values.absolutePaths(home), {
      argument: 'FILE',
      description: "SQLite database of the Agent SDK's session entries, pruned like a Claude directory; may be several",
      defaultText: 'none',
      defaultValue: () => [],
      show: (value) => value.join(':'),
    }),
    'sessions.sharedStores': setting<readonly SharedStoreSettings[]>(sharedStoreSettings(home), {
      argument: 'JSON',
      description:
        "the same in PostgreSQL: a list, each with its `url`, and `passwordFile`, `table`, `readAs` (another program's form), `host`, `onlyThisHost` as needed",
      defaultText: 'none',
      defaultValue: () => [],
      show: showSharedStores,
    }),
    sources: setting(sourceSettings(home), {
      argument: 'JSON',
      description: 'further live sources: a list, each with its `kind`, its `name` and what the kind needs',
      defaultText: 'none',
      defaultValue: () => [],
      show: showSources,
    }),
    'sessions.maxAge': setting(values.age, {
      argument: 'AGE',
      description:
        'rows of the resume map unused for longer are swept; where a host has written an age into its map, the longer counts',
      defaultText: 'what the host has written, else `30d`',
      defaultValue: () => DEFAULT_SESSION_MAX_AGE_MS,
      show: values.showAge,
    }),
    'sessions.onlyThisHost': setting(values.boolean, {
      description: 'declares that every session of the resume map has its transcript in the given Claude directories',
      defaultText: '`false`',
      defaultValue: () => false,
      show: String,
    }),
    'sessions.defaultForge': setting(values.forgeName, {
      argument: 'NAME',
      description: 'forge of old keys without one, when `sessions.json` is imported',
      defaultText: '`forgejo`',
      defaultValue: () => 'forgejo',
      show: String,
    }),
  };
}
