import { describe, expect, it } from 'vitest';
import { type IrregularParts, SET_ASIDE, TEAM_TASKS } from '../../src/claude-dir/irregular-parts.ts';
import { byteNameFromSystem } from '../../src/files/byte-name.ts';
import { openClaudeDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir, sessionIdOf } from '../support/tree.ts';

const ID = sessionIdOf(0xabc);

function find(parts: IrregularParts, name: string) {
  const { root } = openClaudeDir(makeClaudeDir(tempDir()));
  return parts.find({ name: byteNameFromSystem(name), kind: 'file' }, root);
}

describe('What is set aside in a project directory', () => {
  it.each([
    { name: `${ID}.orphaned-1790000000000-0a1b2c3d.jsonl`, kind: 'file' },
    { name: `${ID}.orphaned-2026-11-21T04-17-00Z-ab.jsonl`, kind: 'file' },
    { name: `${ID}.superseded-1790000000000.jsonl`, kind: 'file' },
    { name: `${ID}.jsonl.superseded-1790000000000`, kind: 'file' },
    { name: `${ID}.superseded-1790000000000`, kind: 'directory' },
  ])('is the session’s that its name begins with: $name', ({ name, kind }) => {
    expect(find(SET_ASIDE, name)).toEqual({ owner: { sessionId: ID }, kind });
  });

  it.each([
    `${ID}.jsonl`,
    ID,
    `${ID}.jsonl.bak`,
    `${ID}.jsonl.superseded-`,
    `${ID}.jsonl.superseded-1.gz`,
    `${ID}.orphaned-1/2.jsonl`,
    `${ID}.orphaned-1\n.jsonl`,
    `${ID}.jsonl.superseded-1\n`,
    `${ID.toUpperCase()}.jsonl.superseded-1`,
    `x${ID}.jsonl.superseded-1`,
    'memory.superseded-1',
    'sessions-index.json',
    '',
  ])('is nobody’s where it is called %j', (name) => {
    expect(find(SET_ASIDE, name)).toBeUndefined();
  });
});

describe('The task lists of a team', () => {
  it('are the only session’s whose id begins as their name does', () => {
    expect(find(TEAM_TASKS, 'session-0a1b2c3d')).toEqual({ owner: { head: '0a1b2c3d' }, kind: 'directory' });
    expect(TEAM_TASKS.nameFor?.(ID)).toBe('session-00000000');
  });

  it.each(['session-0a1b2c3', 'session-0a1b2c3d4', 'session-0A1B2C3D', 'session-0a1b2c3d\n', 'my-list', ID])(
    'are nobody’s where they are called %j',
    (name) => {
      expect(find(TEAM_TASKS, name)).toBeUndefined();
    },
  );
});
