import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMPANION_PLACES, parseProjectEntry } from '../../src/claude-dir/layout.ts';
import { parseSessionId } from '../../src/claude-dir/session-id.ts';
import { byteNameFromSystem } from '../../src/files/byte-name.ts';
import { openClaudeDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir, sessionIdOf } from '../support/tree.ts';

const ID = sessionIdOf(0xabc);

describe('an entry of a project directory', () => {
  it('is a transcript or a session’s directory by its exact name', () => {
    expect(parseProjectEntry(`${ID}.jsonl`)).toEqual({ sessionId: ID, isTranscript: true });
    expect(parseProjectEntry(ID)).toEqual({ sessionId: ID, isTranscript: false });
  });

  it.each([
    'memory',
    'sessions-index.json',
    '.jsonl',
    '',
    `${ID}.jsonl.bak`,
    `${ID}.json`,
    `${ID}.JSONL`,
    `${ID.toUpperCase()}.jsonl`,
    `agent-${ID}.jsonl`,
    `${ID}x.jsonl`,
    `${ID}\n.jsonl`,
    `${ID}.jsonl\n`,
    ` ${ID}.jsonl`,
    `${ID.replaceAll('-', '')}.jsonl`,
    '../etc/passwd.jsonl',
  ])('is nothing that we know when it is called %j', (name) => {
    expect(parseProjectEntry(name)).toBeUndefined();
  });

  it('is never more than a session id makes it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.uuid(),
          fc.uuid().map((id) => `${id}.jsonl`),
        ),
        (name) => {
          const known = parseProjectEntry(name);
          const id = parseSessionId(name.replace(/\.jsonl$/, ''));
          expect(known?.sessionId).toBe(id);
        },
      ),
    );
  });
});

describe('a place beside projects', () => {
  const places = new Map(COMPANION_PLACES.map((place) => [place.directory.join('/'), place]));
  const ownerIn = (place: string, name: string) => {
    const known = places.get(place);
    const directory = openClaudeDir(makeClaudeDir(tempDir())).root;
    const found = known?.irregular?.find({ name: byteNameFromSystem(name), kind: 'file' }, directory);
    return known?.regular?.sessionOf(name) ?? (found && 'sessionId' in found.owner ? found.owner.sessionId : undefined);
  };

  it('is one of those where Claude leaves what belongs to a session', () => {
    const kinds = COMPANION_PLACES.map(({ directory, regular }) => [directory.join('/'), regular?.kind]);
    expect(Object.fromEntries(kinds)).toEqual({
      'file-history': 'directory',
      'session-env': 'directory',
      tasks: 'directory',
      'image-cache': 'directory',
      uploads: 'directory',
      'dev-mods': 'directory',
      debug: 'file',
      'usage-data/session-meta': 'file',
      'usage-data/facets': 'file',
      todos: 'file',
    });
  });

  it.each([
    { place: 'file-history', name: ID },
    { place: 'session-env', name: ID },
    { place: 'tasks', name: ID },
    { place: 'image-cache', name: ID },
    { place: 'uploads', name: ID },
    { place: 'dev-mods', name: ID },
    { place: 'debug', name: `${ID}.txt` },
    { place: 'usage-data/session-meta', name: `${ID}.json` },
    { place: 'usage-data/facets', name: `${ID}.json` },
    { place: 'todos', name: `${ID}.json` },
    { place: 'todos', name: `${ID}-agent-${ID}.json` },
  ])('knows $name in $place', ({ place, name }) => {
    expect(ownerIn(place, name)).toBe(ID);
  });

  it.each([
    { place: 'file-history', name: `${ID}.bak` },
    { place: 'file-history', name: ID.toUpperCase() },
    { place: 'tasks', name: 'my-list' },
    { place: 'debug', name: 'latest' },
    { place: 'debug', name: ID },
    { place: 'debug', name: `${ID}.txt.gz` },
    { place: 'debug', name: `${ID}.TXT` },
    { place: 'usage-data/session-meta', name: `${ID}.json.tmp.1` },
    { place: 'usage-data/session-meta', name: 'report.json' },
    { place: 'dev-mods', name: 'shared' },
    { place: 'todos', name: ID },
    { place: 'todos', name: `${ID}.json.bak` },
    { place: 'todos', name: `${ID}-agent-x/y.json` },
    { place: 'todos', name: `${ID}-notes.json` },
    { place: 'todos', name: `x${ID}.json` },
  ])('leaves $name in $place alone', ({ place, name }) => {
    expect(ownerIn(place, name)).toBeUndefined();
  });

  it('finds a session by the name that it gives it', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.constantFrom(...COMPANION_PLACES), (uuid, { regular }) => {
        const id = parseSessionId(uuid);
        expect(id).toBeDefined();
        if (id !== undefined && regular !== undefined) expect(regular.sessionOf(regular.nameFor(id))).toBe(id);
      }),
    );
  });
});
