import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addressOf, PROGRAM, start } from '../support/process.ts';
import { tempPlace } from '../support/temp-place.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { cli } from './cli-here.ts';

const [A, B] = [sessionIdOf(1), sessionIdOf(2)];

/** One session in the trash of a directory, beside another directory that is gone. */
function host() {
  const place = tempPlace();
  makeSession(place.claudeDir, { id: A, ageMs: 40 * DAY_MS });
  trashSessions(place.claudeDir, [A], Date.now() - DAY_MS);
  const gone = makeClaudeDir(join(place.directory, 'gone'));
  rmSync(gone, { recursive: true });
  return { ...place, flags: ['--claude-dir', gone, ...place.flags], gone };
}

describe('beside a Claude directory that is gone', () => {
  it('the trash of the others is listed, and what is not known is told', async () => {
    const { flags, gone } = host();
    const { code, stdout, stderr } = await cli([...flags, 'trash', 'list', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ sessions: [{ sessionId: A }] });
    expect({ code, isTold: stderr.includes(`there is no ${gone}`) }).toEqual({ code: 74, isTold: true });
  });

  it('sessions of the others come back', async () => {
    const { flags } = host();
    expect((await cli([...flags, 'trash', 'restore', A])).code).toBe(0);
  });

  it('a session that is in none of the others may yet be in its trash', async () => {
    const { flags, gone } = host();
    const { code, stderr } = await cli([...flags, 'trash', 'restore', B]);
    expect({ code, isTold: stderr.includes(`as far as it can be read: trash folder of ${gone}`) }).toEqual({
      code: 74,
      isTold: true,
    });
  });

  it('a daemon starts for the others', async () => {
    const { flags, gone } = host();
    const daemon = start(process.execPath, [PROGRAM, ...flags, 'daemon', '--listen', '127.0.0.1:0']);
    await addressOf(daemon);
    daemon.kill('SIGTERM');
    const { code, stdout, stderr } = await daemon.exit;
    expect({ code, isTold: (stdout + stderr).includes(`there is no ${gone}`) }).toEqual({ code: 0, isTold: true });
  });
});
