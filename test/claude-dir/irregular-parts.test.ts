import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IN_PROJECT, type IrregularParts, JOB_DIRECTORIES, TEAM_TASKS } from '../../src/claude-dir/irregular-parts.ts';
import { type ByteName, byteNameFromSystem } from '../../src/files/byte-name.ts';
import { openClaudeDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir, sessionIdOf } from '../support/tree.ts';

const ID = sessionIdOf(0xabc);
const OTHER = sessionIdOf(0xdef);

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
    expect(find(IN_PROJECT, name)).toEqual({ owner: { sessionId: ID }, kind });
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
    expect(find(IN_PROJECT, name)).toBeUndefined();
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

describe('The transcript of an agent beside the sessions’ own', () => {
  const NAME = byteNameFromSystem('agent-0a1b2c3d.jsonl');
  const line = (fields: object) => `${JSON.stringify({ isSidechain: true, ...fields })}\n`;

  function ownerOf(make: (path: string) => void) {
    const path = makeClaudeDir(tempDir());
    make(join(path, NAME));
    return IN_PROJECT.find({ name: NAME, kind: 'file' }, openClaudeDir(path).root);
  }

  it('is that of the session which its first line names', () => {
    const owner = { owner: { sessionId: ID }, kind: 'file' };
    expect(ownerOf((path) => writeFileSync(path, line({ sessionId: ID }) + line({ sessionId: OTHER })))).toEqual(owner);
    expect(ownerOf((path) => writeFileSync(path, line({ sessionId: ID }).trim()))).toEqual(owner);
    const long = line({ prompt: 'x'.repeat(50_000), sessionId: ID });
    expect(ownerOf((path) => writeFileSync(path, long + line({ sessionId: OTHER })))).toEqual(owner);
  });

  it.each<{ what: string; make: (path: string) => void }>([
    { what: 'is empty', make: (path) => writeFileSync(path, '') },
    { what: 'names none', make: (path) => writeFileSync(path, line({}) + line({ sessionId: ID })) },
    { what: 'names it further within', make: (path) => writeFileSync(path, line({ message: { sessionId: ID } })) },
    { what: 'names what is no id', make: (path) => writeFileSync(path, line({ sessionId: `${ID}/..` })) },
    { what: 'names a list of them', make: (path) => writeFileSync(path, line({ sessionId: [ID] })) },
    { what: 'was torn', make: (path) => writeFileSync(path, `{"sessionId":"${ID}","mess`) },
    { what: 'is a list', make: (path) => writeFileSync(path, `["${ID}"]\n`) },
    {
      what: 'has a first line without end',
      make: (path) => writeFileSync(path, line({ a: 'x'.repeat(70_000), sessionId: ID })),
    },
    {
      what: 'is a file of terabytes',
      make: (path) => {
        writeFileSync(path, '');
        truncateSync(path, 2 ** 42);
      },
    },
    {
      what: 'is a symlink',
      make: (path) => {
        writeFileSync(`${path}.to`, line({ sessionId: ID }));
        symlinkSync(`${path}.to`, path);
      },
    },
    { what: 'is a FIFO', make: (path) => void execFileSync('mkfifo', [path]) },
    { what: 'is a directory', make: (path) => mkdirSync(path) },
    { what: 'is gone', make: () => undefined },
  ])('is nobody’s where it $what', ({ make }) => {
    expect(ownerOf(make)).toBeUndefined();
  });

  it.each(['agent-.jsonl', 'agent-1.jsonl.bak', 'agents-1.jsonl', 'agent-1.json', 'agent-a/b.jsonl'])(
    'is nobody’s where it is called %s',
    (name) => {
      expect(find(IN_PROJECT, name)).toBeUndefined();
    },
  );
});

describe('The directory of a background job', () => {
  const HEAD = byteNameFromSystem(ID.slice(0, 8));
  const OTHER_HEAD = '0a1b2c3d-0000-4000-8000-000000000001';

  function ownerOf(name: ByteName, make: (directory: string) => void) {
    const path = makeClaudeDir(tempDir());
    mkdirSync(join(path, name));
    make(join(path, name));
    return JOB_DIRECTORIES.find({ name, kind: 'directory' }, openClaudeDir(path).root);
  }
  const state = (fields: unknown) => (directory: string) =>
    writeFileSync(join(directory, 'state.json'), JSON.stringify(fields));

  it('is that of the session which its state names and it is called after', () => {
    const owner = { owner: { sessionId: ID }, kind: 'directory' };
    expect(ownerOf(HEAD, state({ state: 'done', sessionId: ID, resumeSessionId: OTHER_HEAD }))).toEqual(owner);
    expect(ownerOf(HEAD, state({ state: 'working', sessionId: OTHER_HEAD, resumeSessionId: ID }))).toEqual(owner);
    expect(JOB_DIRECTORIES.nameFor?.(ID)).toBe(HEAD);
  });

  it.each<{ what: string; name?: string; make: (directory: string) => void }>([
    { what: 'its state names another', make: state({ sessionId: OTHER_HEAD }) },
    { what: 'its state names none', make: state({ state: 'done' }) },
    { what: 'its state is torn', make: (at) => writeFileSync(join(at, 'state.json'), `{"sessionId":"${ID}",`) },
    { what: 'its state is a list', make: state([ID]) },
    { what: 'its state is a symlink', make: (at) => symlinkSync('/etc/hostname', join(at, 'state.json')) },
    { what: 'it has no state', make: () => undefined },
    { what: 'it is not called after it', name: 'my-job', make: state({ sessionId: ID }) },
  ])('is nobody’s where $what', ({ name = HEAD, make }) => {
    expect(ownerOf(byteNameFromSystem(name), make)).toBeUndefined();
  });

  it('is nobody’s where it is a symlink', () => {
    const path = makeClaudeDir(tempDir());
    mkdirSync(join(path, 'elsewhere'));
    state({ sessionId: ID })(join(path, 'elsewhere'));
    symlinkSync('elsewhere', join(path, HEAD));
    const { root } = openClaudeDir(path);
    for (const kind of ['other', 'directory'] as const) {
      expect(JOB_DIRECTORIES.find({ name: HEAD, kind }, root)).toBeUndefined();
    }
  });
});
