/** How Claude names a project's directory after the working directory of its sessions. Observed with Claude Code 2.1. */

import type { ByteName } from '../files/byte-name.ts';

/** Longer names are cut here, and a checksum follows. */
const NAME_LENGTH_MAX = 200;

/** Several working directories may give one name. A long one ends with `-*` for the checksum: as a glob, it matches Claude's. */
export function projectNameOf(workingDirectory: string): string {
  const name = workingDirectory.replace(/[^a-zA-Z0-9]/g, '-');
  return name.length <= NAME_LENGTH_MAX ? name : `${name.slice(0, NAME_LENGTH_MAX)}-*`;
}

/** Whether a project's directory was named after a working directory. */
export function isNamedAfter(project: ByteName, workingDirectory: string): boolean {
  const name = projectNameOf(workingDirectory);
  return name.endsWith('-*') ? project.startsWith(name.slice(0, -1)) : project === name;
}
