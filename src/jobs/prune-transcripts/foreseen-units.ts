/** The units as they will be once what a killed run had begun is ended: a dry run ends nothing, and plans as if it had. */

import { headNumberOf } from '../../claude-dir/id-prefixes.ts';
import { isTranscript } from '../../claude-dir/layout.ts';
import { packId, unpackedId } from '../../claude-dir/packed-id.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Units } from '../../claude-dir/unit.ts';
import { type ByteName, parseByteName } from '../../files/byte-name.ts';
import type { ManifestEntry } from '../../trash/manifest.ts';

/** Units that can be looked up by their ids. */
export interface FindableUnits extends Units {
  find(sessionId: SessionId): number | undefined;
  /** The same of an id in 16 bytes. */
  findPacked(bytes: Buffer, at: number): number | undefined;
  /** Writes an id in 16 bytes. */
  packId(row: number, into: Buffer, at: number): void;
}

/** @param returning sessions that would be put back whole; what is left of one in its place is one of the `units` */
export function foreseenUnits(units: FindableUnits, returning: readonly ManifestEntry[]): FindableUnits {
  if (returning.length === 0) return units;
  const projects: ByteName[] = [...units.projects];
  const projectIndex = ({ project }: ManifestEntry) => {
    const name = project === undefined ? undefined : parseByteName(project);
    if (name === undefined) return undefined;
    const known = projects.indexOf(name);
    return known === -1 ? projects.push(name) - 1 : known;
  };
  const returns = new Map<number, ManifestEntry & { readonly projectIndex: number | undefined }>();
  const added = new Map<SessionId, number>();
  let length = units.length;
  for (const entry of returning) {
    const row = units.find(entry.sessionId) ?? length++;
    if (row >= units.length) added.set(entry.sessionId, row);
    returns.set(row, { ...entry, projectIndex: projectIndex(entry) });
  }
  const isThere = (row: number) => row < units.length;
  const sessionId = (row: number) => returns.get(row)?.sessionId ?? units.sessionId(row);
  return {
    length,
    projects,
    sessionId,
    idHead: (row) => (isThere(row) ? units.idHead(row) : headNumberOf(sessionId(row))),
    find: (id) => added.get(id) ?? units.find(id),
    findPacked: (bytes, at) => units.findPacked(bytes, at) ?? added.get(unpackedId(bytes, at)),
    packId: (row, into, at) => (isThere(row) ? units.packId(row, into, at) : packId(sessionId(row), into, at)),
    projectIndex: (row) => (returns.has(row) ? returns.get(row)?.projectIndex : units.projectIndex(row)),
    hasTranscript: (row) => returns.get(row)?.parts.some(isTranscript) ?? units.hasTranscript(row),
    doubt: (row) => {
      const doubt = isThere(row) ? units.doubt(row) : undefined;
      // Its transcript is known to be in the trash, and to come back.
      return doubt === 'projects-unreadable' && returns.has(row) ? undefined : doubt;
    },
    files: (row) => returns.get(row)?.files ?? units.files(row),
    bytes: (row) => returns.get(row)?.bytes ?? units.bytes(row),
    diskBytes: (row) => returns.get(row)?.diskBytes ?? units.diskBytes(row),
    newestMtimeMs: (row) => {
      const inPlaceMs = isThere(row) ? units.newestMtimeMs(row) : Number.NEGATIVE_INFINITY;
      return Math.max(returns.get(row)?.newestMtimeMs ?? Number.NEGATIVE_INFINITY, inPlaceMs);
    },
    compareIds: (left, right) => {
      if (isThere(left) && isThere(right)) return units.compareIds(left, right);
      return sessionId(left) < sessionId(right) ? -1 : 1;
    },
  };
}
