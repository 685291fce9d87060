/** A tool that a test cannot do without: where it is missing, the test fails, and says how to get it. */

import { spawnSync } from 'node:child_process';

/** @throws where the command is not there; its Debian package is named */
export function throwIfMissing(command: string, debianPackage: string): void {
  if (spawnSync(command, ['--version']).error === undefined) return;
  throw new Error(`${command} is not installed (apt-get install ${debianPackage})`);
}
