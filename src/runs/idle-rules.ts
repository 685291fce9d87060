/** Rules for single projects that match nothing that is here: mostly they are misspelt, and what they were to keep goes. */

import { projectPattern } from '../claude-dir/project-pattern.ts';
import type { Config } from '../config/config.ts';
import { SessionIndex } from './session-index.ts';

/** So many sessions of a project are asked for its real path. */
const ASKED_MAX = 8;

/** @returns the patterns of such rules; none where not all could be looked into */
export function idleRules(
  config: Pick<Config, 'claudeDir' | 'sessions.store' | 'sessions.sharedStores' | 'projects'>,
): readonly string[] {
  // What may match in a store on another machine is not looked for here.
  if (config.projects.length === 0 || config['sessions.sharedStores'].length > 0) return [];
  const patterns = config.projects.map(({ match }) => ({ match, pattern: projectPattern(match) }));
  const index = SessionIndex.open(config);
  try {
    const asksForPaths = patterns.some(({ pattern }) => pattern.isPath);
    const projects = index.projectPaths(asksForPaths ? ASKED_MAX : 0);
    if (index.faults.length > 0) return [];
    return patterns
      .filter(({ pattern }) => {
        return ![...projects].some(([name, paths]) => {
          return (paths.length === 0 ? [undefined] : paths).some((path) => pattern.matches(name, path));
        });
      })
      .map(({ match }) => match);
  } finally {
    index.close();
  }
}
