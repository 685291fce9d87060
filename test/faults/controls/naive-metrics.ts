/**
 * Deliberately broken metrics and logs: every project and every key is a label, and log lines are put together by hand.
 * The harness must find it out.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

const [claudeDir = '', databasePath = ''] = process.argv.slice(2);
const metrics: string[] = ['# TYPE session_sweeper_sessions gauge'];

for (const project of readdirSync(join(claudeDir, 'projects'))) {
  metrics.push(`session_sweeper_sessions{project="${project}"} 1`);
  process.stderr.write(`{"level":"info","time":"${new Date().toISOString()}","msg":"looked at ${project}"}\n`);
}
const database = new Database(databasePath, { readonly: true });
for (const key of database.prepare('SELECT key FROM claude_sdk_sessions').pluck().iterate()) {
  metrics.push(`session_sweeper_sessions{key="${key}"} 1`);
}
database.close();
process.stdout.write(`${metrics.join('\n')}\n`);
