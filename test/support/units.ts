/** Units as a scan would find them: old, whole and undoubted unless a test says otherwise. */

import { headNumberOf } from '../../src/claude-dir/id-prefixes.ts';
import { PROJECTS } from '../../src/claude-dir/layout.ts';
import type { Unit, Units } from '../../src/claude-dir/unit.ts';
import { byteNameFromSystem, fixedName } from '../../src/files/byte-name.ts';
import { DAY_MS, sessionIdOf } from './tree.ts';

/** The present of every test that needs one. */
export const NOW = Date.UTC(2026, 10, 21, 4, 17);

export function makeUnit(overrides: Partial<Unit> = {}): Unit {
  const sessionId = overrides.sessionId ?? sessionIdOf(1);
  const project = fixedName('-srv-app');
  return {
    sessionId,
    project,
    hasTranscript: true,
    doubt: undefined,
    parts: [{ directory: [PROJECTS, project], name: byteNameFromSystem(`${sessionId}.jsonl`), kind: 'file' }],
    files: 1,
    bytes: 100,
    diskBytes: overrides.bytes ?? 100,
    newestMtimeMs: NOW - 400 * DAY_MS,
    digest: 0,
    undecided: [],
    seenNames: new Map(),
    ...overrides,
  };
}

/** Units as rows, in the order in which they are given. */
export function rowsOf(units: readonly Unit[]): Units {
  const projects = [...new Set(units.flatMap(({ project }) => project ?? []))];
  const at = (row: number): Unit => {
    const unit = units[row];
    if (unit === undefined) throw new Error(`no unit in row ${row}`);
    return unit;
  };
  return {
    length: units.length,
    projects,
    sessionId: (row) => at(row).sessionId,
    idHead: (row) => headNumberOf(at(row).sessionId),
    projectIndex: (row) => {
      const { project } = at(row);
      return project === undefined ? undefined : projects.indexOf(project);
    },
    hasTranscript: (row) => at(row).hasTranscript,
    doubt: (row) => at(row).doubt,
    files: (row) => at(row).files,
    bytes: (row) => at(row).bytes,
    diskBytes: (row) => at(row).diskBytes,
    newestMtimeMs: (row) => at(row).newestMtimeMs,
    compareIds: (left, right) => (at(left).sessionId < at(right).sessionId ? -1 : 1),
  };
}
