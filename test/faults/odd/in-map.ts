/** Odd rows in the resume map: they are kept, counted, and cost nobody else a row or a session. */

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { oddId } from './in-sessions.ts';
import type { Shape } from './shape.ts';

const NOW = Date.now();
const OLD = NOW - 90 * 86_400_000;
const STALE_ID = oddId(20);

type Row = readonly [key: unknown, id: unknown, usedAt: unknown, createdAt: unknown];

const ROWS: Readonly<Record<string, Row>> = {
  'a key of any bytes': [Buffer.from([0xff, 0x00, 0xfe]), STALE_ID, NOW, NOW],
  'a key of 10 MB': ['k'.repeat(10 << 20), STALE_ID, NOW, NOW],
  'an empty key': ['', STALE_ID, NOW, NOW],
  'an id that is no UUID': ['forgejo:a:acme/odd:1', '../../etc/passwd', NOW, NOW],
  'an id of any bytes': ['forgejo:a:acme/odd:2', Buffer.from([0xff, 0x00]), NOW, NOW],
  'an id of 10 MB': ['forgejo:a:acme/odd:3', 'x'.repeat(10 << 20), NOW, NOW],
  'times that are text': ['forgejo:a:acme/odd:4', STALE_ID, 'yesterday', 'x'],
  'times that are negative': ['forgejo:a:acme/odd:5', STALE_ID, -1, -1],
  'times beyond all calendars': ['forgejo:a:acme/odd:6', STALE_ID, 9.1e18, NOW],
  'an id of NULL': ['forgejo:a:acme/odd:7', null, NOW, NOW],
  'times of NULL': ['forgejo:a:acme/odd:8', STALE_ID, null, null],
  'a key of NULL': [null, STALE_ID, OLD, OLD],
};

export const MAP_SHAPES: readonly Shape[] = Object.entries(ROWS).map(([what, row]) => ({
  name: `a row of the map with ${what}`,
  isShort: ['a key of any bytes', 'an id of NULL'].includes(what),
  make: (place) => {
    const database = new Database(join(place.stateDir, 'sessions.db'));
    // As a table of a host's own may be, without our constraints.
    database.exec(`ALTER TABLE claude_sdk_sessions RENAME TO before;
      CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id TEXT, last_used_at INTEGER, created_at INTEGER);
      INSERT INTO claude_sdk_sessions SELECT key, session_id, last_used_at, created_at FROM before;
      DROP TABLE before`);
    database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)').run(...row);
    database.close();
    return {};
  },
}));
