/** Opens the default resume map of a state directory, which imports the `sessions.json` beside it: `import-library.js STATE_DIR`. */

import { openResumeMap } from '../../faults/programs/library.ts';

const map = await openResumeMap({ stateDir: process.argv[2] ?? '' });
await map.close();
