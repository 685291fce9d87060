/** Rules of the configuration that do nothing here. */

import type { Config } from '../config/config.ts';
import { shownValue } from '../format/shown-text.ts';
import { idleRules } from '../runs/idle-rules.ts';
import type { Finding } from './finding.ts';

/** Undefined where there are no such rules at all. */
export function projectRulesFinding(config: Config): Finding | undefined {
  if (config.projects.length === 0) return undefined;
  const idle = idleRules(config);
  const check = 'project rules';
  if (idle.length === 0) return { check, level: 'ok', message: 'each matches a project that is here' };
  return {
    check,
    level: 'notice',
    message: `${idle.map(shownValue).join(', ')} ${idle.length === 1 ? 'matches' : 'match'} no project that is here`,
    advice:
      'compare with the paths that list shows: a rule matches a real path, a glob over such, or the name that Claude gives',
  };
}
