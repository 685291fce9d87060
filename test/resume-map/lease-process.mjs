/** Takes the lease of a key in a process of its own, says what came of it and stays: `lease-process.mjs PATH KEY`. */

import { SqliteResumeMap } from '../../dist/resume-map/sqlite.js';

const [path, key] = process.argv.slice(2);
const map = SqliteResumeMap.openOwn(path);
process.send((await map.leaseKey(key)) === undefined ? 'busy' : 'leased');
process.on('message', () => undefined);
