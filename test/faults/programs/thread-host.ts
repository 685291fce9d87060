/** A bot that starts: `thread-host.js DATABASE` opens its thread map, brings an old JSON file in, and ends. */

import { openThreadMap } from '../../support/library.ts';

const [databasePath = ''] = process.argv.slice(2);
const onWarning = (message: string) => {
  console.error(message);
  process.exitCode = 1;
};
const map = await openThreadMap({ databasePath, onWarning });
await map.close();
