/** The built library, as a host imports it. */

import type * as Library from '../../../src/library/index.ts';

const BUILT = new URL('../../../../dist/library/index.js', import.meta.url);

export type { ResumeMap } from '../../../src/library/index.ts';

export const { openResumeMap, sessionKey, SqliteSessionStore } = (await import(BUILT.href)) as typeof Library;
