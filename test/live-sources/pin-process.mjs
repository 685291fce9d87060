/** pin-process STATE_DIR ID…: once told to, pins all of the ids and unpins every second one. */

import { KeepList } from '../../dist/live-sources/keep-list.js';

const [stateDir, ...ids] = process.argv.slice(2);
process.send('ready');
process.once('message', () => {
  const keepList = new KeepList(stateDir);
  for (const id of ids) keepList.pin(id);
  for (const [index, id] of ids.entries()) if (index % 2 === 1) keepList.unpin(id);
  process.send('done', () => process.exit());
});
