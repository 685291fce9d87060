import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { shellWord } from '../../src/format/shell-word.ts';

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

describe('a word of a shell’s command', () => {
  it.each([
    '/srv/bot/.claude/sessions/42.json',
    '/srv/my bot/x',
    "/srv/it's/x",
    '/srv/$(reboot)/`x`/"y"/\\/!/*',
    '-rf',
    latin1('/srv/größe/日本'),
    latin1('/srv/\u202egnp'),
    '/srv/\xff\xfe/x',
    '/srv/a\nb\tc\x01',
    "/srv/\xff'\\",
  ])('means %j and nothing else', (bytes) => {
    const printed = execFileSync('bash', ['-c', `printf '%s\\0' ${shellWord(bytes)}`]);
    expect(printed.toString('latin1')).toBe(`${bytes}\0`);
  });

  it('shows a plain path as it is, and never a control character', () => {
    expect(shellWord('/srv/bot/.claude')).toBe('/srv/bot/.claude');
    expect(shellWord(latin1('/srv/größe x'))).toBe("'/srv/größe x'");
    expect(shellWord('a\u001b[2J')).toBe("$'a\\x1b\\x5b2J'");
  });
});
