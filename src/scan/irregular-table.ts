/** The parts of units whose names do not follow from the session's id alone, next to the table of the regular ones. */

import { PROJECTS } from '../claude-dir/layout.ts';
import { type Part, UNIT_PROJECTS_MAX } from '../claude-dir/unit.ts';

const NO_PARTS: readonly Part[] = [];

export class IrregularTable {
  /** By the row of the unit; few units have any. */
  readonly #parts = new Map<number, Part[]>();

  readonly #undecided = new Map<number, Part[]>();

  add(row: number, part: Part): void {
    addTo(this.#parts, row, part);
  }

  /** Notes a part that may be the unit's own or another's. */
  addUndecided(row: number, part: Part): void {
    addTo(this.#undecided, row, part);
  }

  /** In no order. */
  partsOf(row: number): readonly Part[] {
    return this.#parts.get(row) ?? NO_PARTS;
  }

  undecidedOf(row: number): readonly Part[] {
    return this.#undecided.get(row) ?? NO_PARTS;
  }

  /** The rows of units that are scattered over more project directories than can be held at once. */
  *scattered(): Generator<number> {
    for (const [row, parts] of this.#parts) {
      // One more may be the unit's own.
      if (parts.length >= UNIT_PROJECTS_MAX && projectsOf(parts) >= UNIT_PROJECTS_MAX) yield row;
    }
  }
}

function addTo(partsByRow: Map<number, Part[]>, row: number, part: Part): void {
  const others = partsByRow.get(row);
  if (others === undefined) partsByRow.set(row, [part]);
  else others.push(part);
}

function projectsOf(parts: readonly Part[]): number {
  return new Set(parts.filter(({ directory }) => directory[0] === PROJECTS).map(({ directory }) => directory[1])).size;
}
