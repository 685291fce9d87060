/** The retention that the configuration asks for, in the form that the plan takes. */

import { projectPattern } from '../../claude-dir/project-pattern.ts';
import { EARLIEST_SENSIBLE_TIME_MS } from '../../clock.ts';
import type { Settings } from '../../config/settings.ts';
import { displayName } from '../../files/byte-name.ts';
import type { PrunePolicy } from './age-rules.ts';

export type RetentionSettings = Pick<
  Settings,
  'maxAge' | 'minAge' | 'maxTotalBytes' | 'minFree' | 'keepLast' | 'projects' | 'classes'
> &
  Partial<Pick<Settings, 'notice'>>;

/** The first of several overrides that match a project counts. */
export function prunePolicy(settings: RetentionSettings): PrunePolicy {
  const overrides = settings.projects.map((override) => ({ override, pattern: projectPattern(override.match) }));
  return {
    minAgeMs: settings.minAge,
    noticeMs: settings.notice === 'off' ? undefined : settings.notice,
    maxTotalBytes: settings.maxTotalBytes,
    minFreeBytes: settings.minFree,
    earliestMtimeMs: EARLIEST_SENSIBLE_TIME_MS,
    classMaxAgeMs: settings.classes,
    forProject: (project) => {
      const name = project === undefined ? undefined : displayName(project);
      const override =
        name === undefined ? undefined : overrides.find(({ pattern }) => pattern.matches(name, undefined))?.override;
      return {
        maxAgeMs: override?.maxAge ?? settings.maxAge,
        isOwnMaxAge: override?.maxAge !== undefined,
        keepLast: override?.keepLast ?? settings.keepLast,
        isSparedBySizeCap: override?.maxAge === 'never',
      };
    },
  };
}
