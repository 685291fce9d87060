/**
 * plain-expire CLAUDE_DIR MAX_AGE_MS PROTECTED: what somebody would write instead, with fs/promises alone: every transcript that is older and
 * that no line of the file PROTECTED names is unlinked, with what the session has elsewhere. No second look, no trash, no undo.
 */

import { readdir, readFile, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const [claudeDir = '', maxAgeMs = '', file = ''] = process.argv.slice(2);
const protectedIds = new Set((await readFile(file, 'utf8')).split('\n'));
const oldest = Date.now() - Number(maxAgeMs);
const top = join(claudeDir, 'projects');
for (const project of await readdir(top)) {
  for (const name of await readdir(join(top, project))) {
    const id = name.slice(0, -'.jsonl'.length);
    if (!name.endsWith('.jsonl') || protectedIds.has(id)) continue;
    const path = join(top, project, name);
    if ((await stat(path)).mtimeMs >= oldest) continue;
    await unlink(path);
    for (const place of [join('projects', project), 'file-history', 'tasks']) {
      await rm(join(claudeDir, place, id), { recursive: true, force: true });
    }
  }
}
