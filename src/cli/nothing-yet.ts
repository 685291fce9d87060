/** A machine on which Claude has not run yet: that is no fault, and said. */

import { lstatSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { errorCode } from '../errors.ts';
import { displayName } from '../files/byte-name.ts';

/** @returns the sentence for a person; undefined where there is something to look after, or the directory was named */
export function nothingYet({ claudeDir, mayClaudeDirBeMissing }: Config): string | undefined {
  const [path] = claudeDir;
  if (!mayClaudeDirBeMissing || path === undefined || !isMissing(`${path}/projects`)) return undefined;
  return `Nothing to do yet: ${displayName(path)} holds no conversations. Claude makes it when it runs.`;
}

function isMissing(path: string): boolean {
  try {
    lstatSync(path);
    return false;
  } catch (error) {
    return errorCode(error) === 'ENOENT';
  }
}
