/** Turns that leave behind what real work leaves: subagents, large tool results, checkpoints of files. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Claude } from './client.ts';
import type { FakeApi } from './fake-api.ts';
import { type Reply, text, tool } from './replies.ts';

/** An answer that is too large for the transcript: the client keeps it in a file of its own. */
export const LARGE_RESULT = tool('Bash', { command: 'seq 1 30000', description: 'Count' });

/** A turn with a subagent that uses a tool itself. */
export function scriptWithSubagent(api: FakeApi, prompt: string, ...replies: readonly Reply[]): void {
  const subprompt = `For the subagent of: ${prompt}`;
  const input = { description: 'Look', prompt: subprompt, subagent_type: 'general-purpose', run_in_background: false };
  api.script(prompt, tool('Agent', input), ...replies);
  api.script(
    subprompt,
    tool('Bash', { command: 'echo looked', description: 'Look' }),
    text('The subagent has looked.'),
  );
}

/** Makes a file, and the calls that read and change it: where checkpoints are on, its old content is kept. */
export function changeOfFile(claude: Claude, name: string): Reply[] {
  const path = join(claude.projectDir, name);
  writeFileSync(path, 'before\n');
  return [tool('Read', { file_path: path }), tool('Write', { file_path: path, content: 'after\n' })];
}
