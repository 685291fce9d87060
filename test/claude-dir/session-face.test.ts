import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isNamedAfter, projectNameOf } from '../../src/claude-dir/project-name.ts';
import { readSessionFace, readSessionName } from '../../src/claude-dir/session-face.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { openDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';

const prompt = (text: string, more: object = {}) => ({
  type: 'user',
  cwd: '/srv/app',
  message: { content: text },
  ...more,
});
const answer = { type: 'assistant', cwd: '/srv/app', message: { content: [{ type: 'text', text: 'Done.' }] } };

function faceOf(entries: readonly (object | string)[], project = '-srv-app') {
  const path = tempDir();
  const lines = entries.map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry)));
  writeFileSync(join(path, 't.jsonl'), lines.map((line) => `${line}\n`).join(''));
  const face = readSessionFace(openDir(path), fixedName('t.jsonl'), fixedName(project));
  // However it is asked, a session has one name.
  const { title, workingDirectory } = face;
  expect(readSessionName(openDir(path), fixedName('t.jsonl'), fixedName(project))).toEqual({ title, workingDirectory });
  return face;
}

describe('The face of a session', () => {
  it.each<{ what: string; entries: (object | string)[]; title: string | undefined }>([
    { what: 'a first prompt', entries: [prompt('fix the login'), answer, prompt('thanks')], title: 'fix the login' },
    {
      what: 'a prompt in blocks',
      entries: [prompt('', { message: { content: [{ type: 'image' }, { type: 'text', text: 'what is this?' }] } })],
      title: 'what is this?',
    },
    {
      what: "Claude's title",
      entries: [prompt('fix'), { type: 'ai-title', aiTitle: 'Old' }, { type: 'ai-title', aiTitle: 'Login loop' }],
      title: 'Login loop',
    },
    {
      what: "a person's title before Claude's, wherever it stands",
      entries: [
        { type: 'custom-title', customTitle: 'Release 2' },
        { type: 'ai-title', aiTitle: 'Login loop' },
      ],
      title: 'Release 2',
    },
    {
      what: 'an older summary',
      entries: [{ type: 'summary', summary: 'Ports the parser' }],
      title: 'Ports the parser',
    },
    {
      what: 'no prompt that Claude made itself',
      entries: [
        prompt('Caveat: these messages'),
        prompt('<local-command-stdout>'),
        prompt('meta', { isMeta: true }),
        prompt('now'),
      ],
      title: 'now',
    },
    {
      what: 'a command, where there was nothing else',
      entries: [prompt('<command-name>/init</command-name>')],
      title: '/init',
    },
    { what: 'line ends and spaces as one space', entries: [prompt('  one\n\n two\tthree ')], title: 'one two three' },
    { what: 'none for an empty transcript', entries: [], title: undefined },
    {
      what: 'none for what does not parse',
      entries: ['{"type":"user","message"', '[]', 'null', '7'],
      title: undefined,
    },
  ])('has as its title $what', ({ entries, title }) => {
    expect(faceOf(entries).title).toBe(title);
  });

  it('is read from both ends, however long the transcript is, and reckons what it has not read', () => {
    const filler = prompt('x'.repeat(1_000));
    const entries = [
      prompt('the beginning'),
      ...Array.from({ length: 2_000 }, () => filler),
      { type: 'ai-title', aiTitle: 'At the end' },
    ];
    const face = faceOf(entries);
    expect(face).toMatchObject({ title: 'At the end', isEstimate: true });
    expect(face.messages).toBeGreaterThan(1_500);
    expect(face.messages).toBeLessThan(2_500);
    expect(faceOf([prompt('a'), answer])).toMatchObject({ messages: 2, isEstimate: false });
  });

  it('belongs to the working directory that its project is named after, whatever the first entry says', () => {
    const moved = [prompt('a', { cwd: '/srv/other' }), prompt('b', { cwd: '/srv/my_app' })];
    expect(faceOf(moved, '-srv-my-app').workingDirectory).toBe('/srv/my_app');
    expect(faceOf(moved, '-elsewhere').workingDirectory).toBe('/srv/other');
  });

  it.each(['first', 'last'])('knows its directory where its %s entry is longer than what is read of it', (place) => {
    const pasted = { type: 'user', cwd: '/srv/app', message: { content: `"cwd":"/else" ${'x'.repeat(80_000)}` } };
    const last = { type: 'user', message: { content: `"cwd":"/else" ${'x'.repeat(80_000)}` }, cwd: '/srv/app' };
    expect(faceOf([place === 'first' ? pasted : last, { type: 'ai-title', aiTitle: 'Pasted' }])).toMatchObject({
      title: 'Pasted',
      workingDirectory: '/srv/app',
    });
  });

  it('counts no messages of subagents', () => {
    expect(faceOf([prompt('a'), prompt('b', { isSidechain: true })]).messages).toBe(1);
  });
});

describe('The name of a project', () => {
  it('is that of its working directory in letters, digits and dashes, and cut where that is long', () => {
    expect(projectNameOf('/srv/my_app.v2')).toBe('-srv-my-app-v2');
    const long = `/${'deep/'.repeat(60)}end`;
    const cut = long.replace(/\W/g, '-').slice(0, 200);
    expect(isNamedAfter(fixedName(`${cut}-1x2y3z`), long)).toBe(true);
    expect(isNamedAfter(fixedName(cut), long)).toBe(false);
    expect(isNamedAfter(fixedName('-srv-app'), '/srv/ap')).toBe(false);
  });
});
