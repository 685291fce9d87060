/**
 * After `npm ci` in a checkout: puts better-sqlite3 13 in the place of 12 where this Node can run it. The lock file names 12, for Node 20;
 * compiled with the headers of Node 24.19 or later, that one would abort Node 24. Nothing of this is written down.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const MANIFEST = new URL('../node_modules/better-sqlite3/package.json', import.meta.url);
/** Of Node 22.14 and later, which the binaries of better-sqlite3 13 need. */
const NODE_API_MIN = 10;

// Whoever installs the developers' tools alone has no database.
const installed = existsSync(MANIFEST) ? JSON.parse(readFileSync(MANIFEST, 'utf8')).version : undefined;
if (Number(process.versions.napi) >= NODE_API_MIN && installed?.startsWith('12.')) {
  execFileSync('npm', ['install', '--no-save', 'better-sqlite3@13'], { stdio: 'inherit' });
}
