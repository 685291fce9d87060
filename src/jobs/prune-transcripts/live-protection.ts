/** Which kind of live source protects a unit; of several, the first in the order of `PROTECTIONS` counts. */

import { projectPattern } from '../../claude-dir/project-pattern.ts';
import type { Units } from '../../claude-dir/unit.ts';
import { displayName } from '../../files/byte-name.ts';
import { type LiveSessions, type NamedProject, PROTECTIONS } from '../../live-sources/live-source.ts';
import type { FindableUnits } from './foreseen-units.ts';
import type { ObservedPlace } from './place.ts';
import type { Protections } from './plan.ts';

/**
 * Looks the ids up among the units: of a million units, no id is ever made a text, but for those that a prefix may mean.
 * @param aged the same units, as old as they are in truth
 */
export function protectionByIndex(
  units: FindableUnits,
  aged: Units,
  sessions: LiveSessions,
): Protections['protection'] {
  const codes = new Uint8Array(units.length);
  for (const [index, protection] of PROTECTIONS.entries()) {
    const { ids, prefixes, writtenSinceMs } = sessions[protection];
    for (const id of ids) {
      const row = units.find(id);
      if (row !== undefined && codes[row] === 0) codes[row] = index + 1;
    }
    if (prefixes.size === 0 && writtenSinceMs === Number.POSITIVE_INFINITY) continue;
    for (let row = 0; row < units.length; row += 1) {
      if (codes[row] !== 0) continue;
      const isNamed = prefixes.mayMatchHead(units.idHead(row)) && prefixes.match(units.sessionId(row));
      if (isNamed || aged.newestMtimeMs(row) >= writtenSinceMs) codes[row] = index + 1;
    }
  }
  return (row) => {
    const code = codes[row] ?? 0;
    return code === 0 ? undefined : PROTECTIONS[code - 1];
  };
}

/** The same with what protects whole projects. */
export function protectionAt(
  place: Pick<ObservedPlace, 'units' | 'protection' | 'projectPaths'>,
  sessions: LiveSessions,
): Protections['protection'] {
  const ofIds = place.protection(sessions);
  const byProject = PROTECTIONS.flatMap((protection) => {
    const { projects } = sessions[protection];
    return projects.length === 0 ? [] : [{ protection, isNamed: projectMatcher(place, projects) }];
  });
  if (byProject.length === 0) return ofIds;
  return (row) => ofIds(row) ?? byProject.find(({ isNamed }) => isNamed(row) !== undefined)?.protection;
}

/** @returns by which of the projects a session is named; of one whose sessions do not all tell their path, also where it may be */
export function projectMatcher(
  place: Pick<ObservedPlace, 'units' | 'projectPaths'>,
  projects: readonly NamedProject[],
): (row: number) => NamedProject | undefined {
  const patterns = projects.map((project) => ({ project, pattern: projectPattern(project.match) }));
  const { units } = place;
  const paths = place.projectPaths();
  const found = units.projects.map((project) => {
    const name = displayName(project);
    const told = paths.get(project) ?? [];
    const known = told.filter((path) => path !== undefined);
    const isWhole = known.length > 0 && known.length === told.length;
    return patterns.find(({ pattern }) => {
      if (known.some((path) => pattern.matches(name, path))) return true;
      return !isWhole && (pattern.matches(name, undefined) || (pattern.isPath && pattern.mayMatch(name)));
    })?.project;
  });
  return (row) => found[units.projectIndex(row) ?? -1];
}

/** Looks each unit up among the ids: for units of which several may have one id. */
export function protectionOfId(units: Units, sessions: LiveSessions): Protections['protection'] {
  return (row) => {
    const id = units.sessionId(row);
    return PROTECTIONS.find((protection) => {
      const { ids, prefixes, writtenSinceMs } = sessions[protection];
      return ids.has(id) || prefixes.match(id) || units.newestMtimeMs(row) >= writtenSinceMs;
    });
  };
}
