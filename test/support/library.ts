/** The built library, as a host imports it. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Library from '../../src/library/index.ts';
import { REPOSITORY } from './process.ts';

const BUILT = pathToFileURL(join(REPOSITORY, 'dist/library/index.js'));

export type { ResumeMap } from '../../src/library/index.ts';

export const { OperatingError, openResumeMap, openThreadMap, runWithSessionResume, sessionKey, SqliteSessionStore } =
  (await import(BUILT.href)) as typeof Library;
