/** The retention that the configuration asks for, in the form that the plan takes. */

import { projectPattern } from '../../claude-dir/project-pattern.ts';
import { EARLIEST_SENSIBLE_TIME_MS } from '../../clock.ts';
import type { ProjectOverride } from '../../config/project-overrides.ts';
import type { Settings } from '../../config/settings.ts';
import { displayName } from '../../files/byte-name.ts';
import type { ProjectPolicy, PrunePolicy } from './age-rules.ts';

export type RetentionSettings = Pick<
  Settings,
  'maxAge' | 'minAge' | 'maxTotalBytes' | 'minFree' | 'keepLast' | 'projects' | 'classes'
> &
  Partial<Pick<Settings, 'notice'>>;

/** The first of several overrides that match a project counts. */
export function prunePolicy(settings: RetentionSettings): PrunePolicy {
  const overrides = settings.projects.map((override) => ({ override, pattern: projectPattern(override.match) }));
  /** By the paths of sessions that do not tell: no rule behind one that goes by the name is ever come to. */
  const possibleOverrides = (name: string) => {
    const sureAt = overrides.findIndex(({ pattern }) => !pattern.isPath && pattern.matches(name, undefined));
    return overrides
      .slice(0, sureAt === -1 ? overrides.length : sureAt)
      .filter(({ pattern }) => pattern.isPath && pattern.mayMatch(name))
      .map(({ override }) => override);
  };
  return {
    minAgeMs: settings.minAge,
    noticeMs: settings.notice === 'off' ? undefined : settings.notice,
    maxTotalBytes: settings.maxTotalBytes,
    minFreeBytes: settings.minFree,
    earliestMtimeMs: EARLIEST_SENSIBLE_TIME_MS,
    classMaxAgeMs: settings.classes,
    asksForPaths: overrides.some(({ pattern }) => pattern.isPath),
    forProject: (project, paths = []) => {
      const name = project === undefined ? undefined : displayName(project);
      const overrideAt = (path: string | undefined) =>
        name === undefined ? undefined : overrides.find(({ pattern }) => pattern.matches(name, path))?.override;
      const known = paths.filter((path) => path !== undefined);
      const sure = (known.length === 0 ? [undefined] : known).map(overrideAt);
      const isWhole = known.length > 0 && known.length === paths.length;
      const all = [...sure, ...(name === undefined || isWhole ? [] : possibleOverrides(name))];
      return all.map((override) => policyBy(override, settings)).reduce(longer);
    },
  };
}

function policyBy(override: ProjectOverride | undefined, settings: RetentionSettings): ProjectPolicy {
  return {
    maxAgeMs: override?.maxAge ?? settings.maxAge,
    isOwnMaxAge: override?.maxAge !== undefined,
    keepLast: override?.keepLast ?? settings.keepLast,
    isSparedBySizeCap: override?.maxAge === 'never',
  };
}

/** Claude gives one name to several directories: nothing goes by a rule that is not its own. */
function longer(left: ProjectPolicy, right: ProjectPolicy): ProjectPolicy {
  const isRightLonger = right.maxAgeMs === 'never' || (left.maxAgeMs !== 'never' && right.maxAgeMs > left.maxAgeMs);
  const { maxAgeMs, isOwnMaxAge } = isRightLonger ? right : left;
  return {
    maxAgeMs,
    isOwnMaxAge,
    keepLast: Math.max(left.keepLast, right.keepLast),
    isSparedBySizeCap: left.isSparedBySizeCap || right.isSparedBySizeCap,
  };
}

/** Rules for real paths are held against what the sessions of a place say. @param pathsOf real paths by the names of projects */
export function policyAt(
  policy: PrunePolicy,
  pathsOf: () => ReadonlyMap<string, readonly (string | undefined)[]>,
): PrunePolicy {
  if (policy.asksForPaths !== true || policy.only !== undefined) return policy;
  const paths = pathsOf();
  return {
    ...policy,
    forProject: (project) => policy.forProject(project, project === undefined ? [] : (paths.get(project) ?? [])),
  };
}
