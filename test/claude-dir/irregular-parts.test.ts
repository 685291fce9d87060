import { describe, expect, it } from 'vitest';
import { findSetAside } from '../../src/claude-dir/irregular-parts.ts';
import { sessionIdOf } from '../support/tree.ts';

const ID = sessionIdOf(0xabc);

describe('What is set aside in a project directory', () => {
  it.each([
    { name: `${ID}.orphaned-1790000000000-0a1b2c3d.jsonl`, kind: 'file' },
    { name: `${ID}.orphaned-2026-11-21T04-17-00Z-ab.jsonl`, kind: 'file' },
    { name: `${ID}.superseded-1790000000000.jsonl`, kind: 'file' },
    { name: `${ID}.jsonl.superseded-1790000000000`, kind: 'file' },
    { name: `${ID}.superseded-1790000000000`, kind: 'directory' },
  ])('is the session’s that its name begins with: $name', ({ name, kind }) => {
    expect(findSetAside(name)).toEqual({ sessionId: ID, kind });
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
    expect(findSetAside(name)).toBeUndefined();
  });
});
