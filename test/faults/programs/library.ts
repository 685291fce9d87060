/** The built library, as a host imports it. */

import type * as Library from '../../../src/index.ts';

const BUILT = new URL('../../../../dist/index.js', import.meta.url);

export type { ResumeMap } from '../../../src/index.ts';

export const { openResumeMap, sessionKey, SqliteSessionStore } = (await import(BUILT.href)) as typeof Library;
