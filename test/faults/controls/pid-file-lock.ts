/**
 * A deliberately broken daemon: its lock is a file with its process id, looked for first and written then. Two that start together
 * both find none, and the file stays where its writer is killed.
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const LOCKED = 75;

const { values } = parseArgs({ strict: false, options: { 'claude-dir': { type: 'string', default: '' } } });
const ours = join(String(values['claude-dir']), 'session-sweeper');
const pidFile = join(ours, 'worker.pid');

mkdirSync(ours, { recursive: true });
if (existsSync(pidFile)) process.exit(LOCKED);
writeFileSync(pidFile, String(process.pid));
process.stderr.write(`${JSON.stringify({ msg: 'daemon started' })}\n`);
setInterval(() => undefined, 60_000);
