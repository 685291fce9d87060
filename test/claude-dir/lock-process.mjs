/** lock-process CLAUDE_DIR NAME: takes the lock, says what came of it, and keeps what it has until a word comes. */

import { ClaudeDir } from '../../dist/claude-dir/claude-dir.js';
import { acquireDirLock } from '../../dist/claude-dir/dir-lock.js';

const [path, name] = process.argv.slice(2);
try {
  acquireDirLock(ClaudeDir.open(path), name);
  process.send({ said: 'held', pid: process.pid });
} catch (error) {
  process.send({ said: error.kind, pid: process.pid });
}
process.once('message', () => process.exit());
