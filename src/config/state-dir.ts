/** Where hosts and the worker meet on disk: the resume map, the ledger and the keep list stand in it. */

export function defaultStateDir(home: string, environment: Readonly<Record<string, string | undefined>>): string {
  if (environment.CLAUDE_HOOKS_STATE_DIR) return environment.CLAUDE_HOOKS_STATE_DIR;
  const stateHome = environment.XDG_STATE_HOME;
  // The XDG specification has relative paths ignored.
  return `${stateHome?.startsWith('/') ? stateHome : `${home}/.local/state`}/claude-hooks`;
}
