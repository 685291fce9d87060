import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OperatingError } from '../../../src/errors.ts';
import { openResumeMap } from '../../../src/library/index.ts';
import { importSessionsJson } from '../../../src/resume-map/import/sessions-json.ts';
import { parseSessionsJson } from '../../../src/resume-map/import/sessions-json-text.ts';
import { SqliteResumeMap } from '../../../src/resume-map/sqlite.ts';
import { runTogether } from '../../support/forked.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { sessionIdOf } from '../../support/tree.ts';

const PROCESS = new URL('../map-process.mjs', import.meta.url);
const NOW_MS = Date.UTC(2026, 5, 15, 12);
const USED_MS = NOW_MS - 3_600_000;
const ID = sessionIdOf(1);
const OTHER_ID = sessionIdOf(2);

/** A state directory of an old host: a new database, and the file beside it. */
class OldHost {
  readonly stateDir = tempDir();
  readonly json = join(this.stateDir, 'sessions.json');
  readonly database = join(this.stateDir, 'sessions.db');

  static async make(content?: unknown): Promise<OldHost> {
    const host = new OldHost();
    await SqliteResumeMap.openOwn(host.database).close();
    if (content !== undefined) host.write(content);
    return host;
  }

  /** @param content text or bytes as they are, anything else as JSON */
  write(content: unknown): void {
    const isRaw = typeof content === 'string' || content instanceof Uint8Array;
    writeFileSync(this.json, isRaw ? content : JSON.stringify(content, null, 2));
  }

  import(defaultForge = 'forgejo'): number {
    return importSessionsJson(this.database, this.json, defaultForge, NOW_MS);
  }

  /** What the database holds, read past our own code: `[key, id, last_used_at, created_at]`, ordered by key. */
  rows(): unknown[] {
    return this.#select('SELECT key, session_id, last_used_at, created_at FROM claude_sdk_sessions ORDER BY key');
  }

  imports(): number {
    return this.#select('SELECT * FROM claude_sdk_session_imports').length;
  }

  change(sql: string): void {
    const database = new Database(this.database);
    database.exec(sql);
    database.close();
  }

  /** The names beside the database's own. */
  files(): string[] {
    return readdirSync(this.stateDir)
      .filter((name) => !name.startsWith('sessions.db'))
      .sort();
  }

  #select(sql: string): unknown[] {
    const database = new Database(this.database);
    try {
      return database.prepare(sql).raw().all();
    } finally {
      database.close();
    }
  }
}

describe('importing sessions.json', () => {
  it('brings strings, which knew no times, as never used, and objects with their time of use', async () => {
    const host = await OldHost.make({
      'forgejo:architect:acme/app:1': ID,
      'forgejo:tester:acme/app:2': { id: OTHER_ID, last_used_at: USED_MS },
    });
    expect(host.import()).toBe(2);
    expect(host.rows()).toEqual([
      ['forgejo:architect:acme/app:1', ID, 0, 0],
      ['forgejo:tester:acme/app:2', OTHER_ID, USED_MS, USED_MS],
    ]);
    expect(host.files()).toEqual(['sessions.json.bak']);
  });

  it.each([
    ['gives keys of three parts the default forge', 'tester:acme/app:1', 'github:tester:acme/app:1'],
    ['calls the agent foreman architect', 'forgejo:foreman:acme/app:1', 'forgejo:architect:acme/app:1'],
    ['does both', 'foreman:acme/app:1', 'github:architect:acme/app:1'],
    ['leaves a repository called foreman', 'forgejo:tester:foreman:1', 'forgejo:tester:foreman:1'],
    ['leaves a forge called foreman', 'foreman:tester:acme/app:1', 'foreman:tester:acme/app:1'],
    ['leaves an agent that is only like foreman', 'forgejo:Foreman:acme/app:1', 'forgejo:Foreman:acme/app:1'],
    ["leaves a host's own key of one part", 'slack-thread', 'slack-thread'],
    ["leaves a host's own key of two parts", 'slack:C1', 'slack:C1'],
    ["leaves a host's own key of five parts", 'a:foreman:c:d:e', 'a:foreman:c:d:e'],
    ['leaves wildcards and letters beyond ASCII', 'f%:a_\\:ü/🦊:1', 'f%:a_\\:ü/🦊:1'],
    ['leaves a key that every object has', 'constructor', 'constructor'],
    ['leaves a key that looks like a number', '12', '12'],
  ])('%s', async (_name, oldKey, key) => {
    const host = await OldHost.make({ [oldKey]: ID });
    expect(host.import('github')).toBe(1);
    expect(host.rows()).toEqual([[key, ID, 0, 0]]);
  });

  it('lets a conversation that has its new name already go before one that gets it by the renaming', async () => {
    for (const keys of [
      ['forgejo:architect:acme/app:1', 'forgejo:foreman:acme/app:1'],
      ['forgejo:foreman:acme/app:1', 'forgejo:architect:acme/app:1'],
    ]) {
      const host = await OldHost.make(
        Object.fromEntries(keys.map((key) => [key, key.includes('architect') ? ID : OTHER_ID])),
      );
      expect(host.import()).toBe(1);
      expect(host.rows()).toEqual([['forgejo:architect:acme/app:1', ID, 0, 0]]);
    }
  });

  it('leaves rows that the map has already: they are newer', async () => {
    const host = await OldHost.make({ 'forgejo:architect:acme/app:1': ID, 'forgejo:architect:acme/app:2': ID });
    host.change(
      `INSERT INTO claude_sdk_sessions VALUES ('forgejo:architect:acme/app:1', '${OTHER_ID}', ${USED_MS}, 1)`,
    );
    expect(host.import()).toBe(1);
    expect(host.rows()).toEqual([
      ['forgejo:architect:acme/app:1', OTHER_ID, USED_MS, 1],
      ['forgejo:architect:acme/app:2', ID, 0, 0],
    ]);
  });

  it('does nothing where there is no such file', async () => {
    const host = await OldHost.make();
    expect(host.import()).toBe(0);
    expect([host.rows(), host.imports(), host.files()]).toEqual([[], 0, []]);
  });

  it.each(['{}', ' {\n}\n', '{ }'])('sets an object without entries aside: %j', async (text) => {
    const host = await OldHost.make(text);
    expect(host.import()).toBe(0);
    expect([host.rows(), host.files()]).toEqual([[], ['sessions.json.bak']]);
  });

  it('keeps the file itself as sessions.json.bak, unchanged', async () => {
    const host = await OldHost.make({ 'forgejo:architect:acme/app:1': ID });
    const [content, before] = [readFileSync(host.json), lstatSync(host.json)];
    host.import();
    const after = lstatSync(`${host.json}.bak`);
    expect([after.ino, after.nlink, after.mtimeMs]).toEqual([before.ino, 1, before.mtimeMs]);
    expect(readFileSync(`${host.json}.bak`)).toEqual(content);
  });

  it('brings every row that any such object can name', () => {
    const entry = fc.oneof(
      fc.uuid(),
      fc.record(
        { id: fc.uuid(), last_used_at: fc.nat(NOW_MS), note: fc.string() },
        { requiredKeys: ['id', 'last_used_at'] },
      ),
    );
    const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !/\p{Cc}/u.test(text));
    const part = key.filter((text) => !text.includes(':') && text !== 'foreman');
    const keys = fc.tuple(part, part, part, part).map((parts) => parts.join(':'));
    fc.assert(
      fc.property(fc.dictionary(keys, entry), fc.nat(4), (content, indent) => {
        const rows = parseSessionsJson(Buffer.from(JSON.stringify(content, null, indent)), '/x', 'forgejo');
        const found = rows.map((row) => [row.key, row.sessionId, row.lastUsedAtMs]);
        const expected = Object.entries(content).map(([name, value]) =>
          typeof value === 'string' ? [name, value, 0] : [name, value.id, value.last_used_at],
        );
        expect(found).toEqual(expected);
      }),
    );
  });
});

describe('at the first open of the default map', () => {
  it('the file is imported, with the forge that is configured, and its rows resume', async () => {
    const host = new OldHost();
    host.write({ 'foreman:acme/app:1': { id: ID, last_used_at: Date.now() }, 'foreman:acme/app:2': OTHER_ID });
    const map = await openResumeMap({ stateDir: host.stateDir, defaultForge: 'gitea' });
    expect(await map.listLiveSessionIds()).toEqual(new Set([ID, OTHER_ID]));
    expect(await map.getSession('gitea:architect:acme/app:1')).toBe(ID);
    expect(await map.getSession('gitea:architect:acme/app:2')).toBeNull();
    await map.close();
    expect(host.files()).toEqual(['sessions.json.bak']);
  });

  it('a malformed file refuses the opening, again and again, until a person has looked at it', async () => {
    const host = new OldHost();
    host.write('{"forgejo:architect:acme/app:1": ');
    for (let round = 0; round < 2; round += 1) {
      await expect(openResumeMap({ stateDir: host.stateDir })).rejects.toEqual(
        expect.objectContaining({ kind: 'bad-data', message: expect.stringContaining(host.json) }),
      );
    }
    expect([host.rows(), host.files()]).toEqual([[], ['sessions.json']]);
    host.write({});
    await (await openResumeMap({ stateDir: host.stateDir })).close();
    expect(host.files()).toEqual(['sessions.json.bak']);
  });

  it("a host's own database gets nothing of it", async () => {
    const host = await OldHost.make({ 'forgejo:architect:acme/app:1': ID });
    const map = await openResumeMap({ stateDir: host.stateDir, databasePath: host.database });
    expect(await map.listSessions()).toEqual([]);
    await map.close();
    expect(host.files()).toEqual(['sessions.json']);
  });
});

describe('a second import', () => {
  const KEY = 'forgejo:architect:acme/app:1';
  const content = { [KEY]: ID, 'forgejo:architect:acme/app:2': ID };
  const drop = `DELETE FROM claude_sdk_sessions WHERE key = '${KEY}'`;

  it('of a file whose renaming was lost brings nothing back, and renames it', async () => {
    const host = await OldHost.make(content);
    expect(host.import()).toBe(2);
    host.change(drop);
    // As it stands where the process was killed after the commit, or the power went before the rename was on disk.
    renameSync(`${host.json}.bak`, host.json);
    expect(host.import()).toBe(0);
    expect(host.rows()).toHaveLength(1);
    expect(host.files()).toEqual(['sessions.json.bak']);
  });

  it('of a file that was killed half-way through its renaming ends it, under the one name', async () => {
    const host = await OldHost.make(content);
    expect(host.import()).toBe(2);
    host.change(drop);
    linkSync(`${host.json}.bak`, host.json);
    expect(host.import()).toBe(0);
    expect(host.rows()).toHaveLength(1);
    expect(host.files()).toEqual(['sessions.json.bak']);
    expect(lstatSync(`${host.json}.bak`).nlink).toBe(1);
  });

  it('of a half-way renamed file ends it even where the backup has a suffix', async () => {
    const host = await OldHost.make(content);
    writeFileSync(`${host.json}.bak`, 'of last year');
    expect(host.import()).toBe(2);
    linkSync(`${host.json}.bak.1`, host.json);
    expect(host.import()).toBe(0);
    expect(host.files()).toEqual(['sessions.json.bak', 'sessions.json.bak.1']);
  });

  it('takes a new file under the old name for what it is: new', async () => {
    const host = await OldHost.make(content);
    host.import();
    host.write({ 'forgejo:architect:acme/app:3': OTHER_ID });
    expect(host.import()).toBe(1);
    expect(host.rows()).toHaveLength(3);
    expect(host.files()).toEqual(['sessions.json.bak', 'sessions.json.bak.1']);
    expect(JSON.parse(readFileSync(`${host.json}.bak`, 'utf8'))).toEqual(content);
  });
});

describe('a taken backup name', () => {
  it('is left as it is, whatever has it, and the next free one is used', async () => {
    const host = await OldHost.make({ 'forgejo:architect:acme/app:1': ID });
    writeFileSync(`${host.json}.bak`, 'precious');
    mkdirSync(`${host.json}.bak.1`);
    symlinkSync('nowhere', `${host.json}.bak.2`);
    const content = readFileSync(host.json, 'utf8');
    expect(host.import()).toBe(1);
    expect(host.files()).toEqual([0, 1, 2, 3].map((suffix) => `sessions.json.bak${suffix === 0 ? '' : `.${suffix}`}`));
    expect(readFileSync(`${host.json}.bak`, 'utf8')).toBe('precious');
    expect(readdirSync(`${host.json}.bak.1`)).toEqual([]);
    expect(readlinkSync(`${host.json}.bak.2`)).toBe('nowhere');
    expect(readFileSync(`${host.json}.bak.3`, 'utf8')).toBe(content);
  });
});

describe('processes that import at once', () => {
  it('bring every row once, set the file aside once, and none of them fails', async () => {
    const content = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`forgejo:architect:acme/app:${n}`, ID]));
    const host = await OldHost.make(content);
    const args = ['import', host.database, host.json, String(NOW_MS)];
    const added = await runTogether(PROCESS, [args, args, args, args]);
    expect(added.map(Number).sort((left, right) => right - left)).toEqual([300, 0, 0, 0]);
    expect(host.rows()).toHaveLength(300);
    expect(host.imports()).toBe(1);
    expect(host.files()).toEqual(['sessions.json.bak']);
  });
});

const VALID = `{
  "foreman:acme/app:1": "${ID}",
  "forgejo:architect:acme/app:2": {"id": "${OTHER_ID}", "last_used_at": ${USED_MS}}
}`;

describe('a malformed sessions.json', () => {
  /** Refused as bad data, with the file named; nothing is imported and the file stays what it is. */
  const expectRefused = (host: OldHost, ...parts: string[]) => {
    const before = lstatSync(host.json);
    expect(() => host.import()).toThrow(
      expect.objectContaining({ kind: 'bad-data', message: expect.stringContaining(host.json) }),
    );
    for (const part of parts) expect(() => host.import()).toThrow(part);
    const after = lstatSync(host.json);
    expect([after.ino, after.size, after.mtimeMs]).toEqual([before.ino, before.size, before.mtimeMs]);
    expect([host.rows(), host.imports(), host.files()]).toEqual([[], 0, ['sessions.json']]);
  };

  it('is refused wherever it was cut off, and imported where it was not', async () => {
    const host = await OldHost.make();
    for (let length = 0; length < VALID.length; length += 1) {
      host.write(VALID.slice(0, length));
      let refusal: unknown;
      try {
        host.import();
      } catch (error) {
        refusal = error;
      }
      expect(refusal, `cut off after ${length} bytes`).toEqual(
        expect.objectContaining({ kind: 'bad-data', message: expect.stringMatching(/line \d+, column \d+/) }),
      );
    }
    expectRefused(host);
    host.write(VALID);
    expect(host.import()).toBe(2);
  });

  const id = JSON.stringify(ID);
  const MALFORMED: readonly (readonly [string, string | Uint8Array, ...string[]])[] = [
    ['empty', '', 'line 1, column 1'],
    ['only white space', ' \n\n', 'line 3, column 1'],
    ['a list', `[${id}]`, 'line 1, column 1'],
    ['a text', id, 'line 1, column 1', 'not an object'],
    ['a number', '12', 'line 1, column 1'],
    ['null', 'null', 'line 1, column 1'],
    ['NUL bytes, as a crash leaves them', '\0'.repeat(100), 'line 1, column 1'],
    ['two objects', '{}\n{}', 'line 2, column 1'],
    ['something after the object', `{}\n x`, 'line 2, column 2'],
    ['a comment', '{}\n// note', 'line 2, column 1'],
    ['a comma too many', `{"a": ${id},\n}`, 'line 2, column 1'],
    ['a comma missing', `{"a": ${id}\n"b": ${id}}`, 'line 2, column 1'],
    ['single quotes', `{'a': ${id}}`, 'line 1, column 2'],
    ['a key without quotes', `{a: ${id}}`, 'line 1, column 2'],
    ['a newline in a string', `{"a": "x\ny"}`, 'line 1'],
    ['an escape that is none', '{"a": "\\x"}', 'line 1, column 7'],
    ['a byte order mark', `\uFEFF{"a": ${id}}`, 'line 1, column 1', 'byte order mark'],
    ['a value NaN', '{"a": NaN}', 'line 1, column 7'],
    ['a value undefined', '{"a": undefined}', 'line 1, column 7'],
    ['a value null', '{\n "a": null}', 'line 2, column 2'],
    ['a value true', '{"a": true}', 'line 1, column 2'],
    ['a value that is a number', '{"a": 12}', 'line 1, column 2'],
    ['a value that is a list', `{"a": [${id}]}`, 'line 1, column 7', 'array'],
    ['an id that is null', '{"a": {"id": null, "last_used_at": 1}}', 'line 1, column 2', 'session id'],
    ['an id that is a number', '{"a": {"id": 1, "last_used_at": 1}}', 'line 1, column 2', 'session id'],
    ['an id that is missing', '{"a": {"last_used_at": 1}}', 'line 1, column 2', 'session id'],
    ['an id that is empty', '{"a": ""}', 'line 1, column 2', 'session id'],
    ['an id that is a path', '{"a": "../../etc/passwd"}', 'line 1, column 2', 'session id'],
    ['an id with a newline', JSON.stringify({ a: `${ID}\n` }), 'line 1, column 2', 'session id'],
    ['an id in upper case', JSON.stringify({ a: sessionIdOf(10).toUpperCase() }), 'session id'],
    ['a time that is missing', `{"a": {"id": ${id}}}`, 'line 1, column 2', 'last_used_at'],
    ['a time that is null', `{"a": {"id": ${id}, "last_used_at": null}}`, 'last_used_at'],
    ['a time that is text', `{"a": {"id": ${id}, "last_used_at": "1"}}`, 'last_used_at'],
    ['a time that is negative', `{"a": {"id": ${id}, "last_used_at": -1}}`, 'last_used_at'],
    ['a time with a fraction', `{"a": {"id": ${id}, "last_used_at": 1.5}}`, 'last_used_at'],
    ['a time beyond all numbers', `{"a": {"id": ${id}, "last_used_at": 1e400}}`, 'last_used_at'],
    ['a time that is NaN', `{"a": {"id": ${id}, "last_used_at": NaN}}`, 'line 1'],
    ['a key that is empty', `{"": ${id}}`, 'line 1, column 2', 'session key'],
    ['a key of 10 kB', `{"${'k'.repeat(10_000)}": ${id}}`, 'line 1, column 2', 'session key'],
    ['a key with NUL', JSON.stringify({ 'a\0b': ID }), 'line 1, column 2', 'session key'],
    ['a key with a newline', JSON.stringify({ 'a\nb': ID }), 'line 1, column 2', 'session key'],
    ['the key __proto__', `{"__proto__": ${id}}`, 'line 1, column 2', '__proto__'],
    ['the key __proto__ with an object', `{"__proto__": {"id": ${id}, "last_used_at": 1}}`, '__proto__'],
    ['the key __proto__, escaped', `{"\\u005f_proto__": ${id}}`, 'line 1, column 2', '__proto__'],
    ['the field __proto__', `{"a": {"__proto__": {"id": ${id}}, "last_used_at": 1}}`, 'line 1, column 8', '__proto__'],
    ['a key that is there twice', `{"a": ${id},\n "a": ${id}}`, 'line 2, column 2', 'twice'],
    ['a key that is there twice, once escaped', `{"a": ${id},\n "\\u0061": ${id}}`, 'line 2, column 2', 'twice'],
    [
      'a field that is there twice',
      `{"a": {"id": ${id}, "last_used_at": 1,\n"id": ${id}}}`,
      'line 2, column 1',
      'twice',
    ],
    ['an object within an entry', `{"a": {"id": ${id}, "last_used_at": 1,\n"more": {}}}`, 'line 2, column 9'],
    ['one bad entry among good ones', `{"a": ${id},\n\n  "b": 7,\n"c": ${id}}`, 'line 3, column 3'],
    ['objects, very deep', '{"a":'.repeat(100_000), 'line 1, column 11'],
    ['lists, very deep', '['.repeat(1_000_000), 'line 1, column 1'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'UTF-8'],
    ['a character cut in two', Buffer.from('{"é": 1}').subarray(0, 3), 'UTF-8'],
    ['UTF-16', Buffer.from(VALID, 'utf16le'), 'line 1'],
  ];

  it.each(MALFORMED.map(([name, content, ...parts]) => ({ name, content, parts })))(
    'is refused with the place, and left as it is: $name',
    async ({ content, parts }) => {
      const host = await OldHost.make(content);
      expectRefused(host, ...parts);
    },
  );

  it('is refused where it is larger than any resume map, without being read', async () => {
    const host = await OldHost.make('{}');
    truncateSync(host.json, 500 * 2 ** 20);
    expectRefused(host, 'larger');
  });

  it('is refused where it is a directory', async () => {
    const host = await OldHost.make();
    mkdirSync(host.json);
    expectRefused(host, 'not a regular file');
  });

  it('is refused where it is a FIFO, without waiting for its writer', async () => {
    const host = await OldHost.make();
    execFileSync('mkfifo', [host.json]);
    expectRefused(host, 'not a regular file');
  });

  it('is refused where it is a symlink, be it to a good file or to nothing', async () => {
    const host = await OldHost.make(VALID);
    const elsewhere = join(tempDir(), 'elsewhere.json');
    renameSync(host.json, elsewhere);
    symlinkSync(elsewhere, host.json);
    expectRefused(host, 'symlink');
    expect(readFileSync(elsewhere, 'utf8')).toBe(VALID);
    const dangling = await OldHost.make();
    symlinkSync(join(dangling.stateDir, 'nowhere'), dangling.json);
    expectRefused(dangling, 'symlink');
  });

  it('is what JSON.parse takes for malformed, whatever was done to it', () => {
    const characters = fc.constantFrom(
      ...'"{}:,[]\\0-.eEn\n\r\t/*+u ',
      '\u00a0',
      '\u2028',
      '\u0001',
      '\u000b',
      '\uFEFF',
    );
    const edits = fc.array(fc.tuple(fc.nat(VALID.length), fc.nat(2), characters), { minLength: 1, maxLength: 3 });
    let accepted = 0;
    fc.assert(
      fc.property(edits, (changes) => {
        let text = VALID;
        for (const [at, removed, inserted] of changes) text = text.slice(0, at) + inserted + text.slice(at + removed);
        const read = () => parseSessionsJson(Buffer.from(text), '/x', 'forgejo');
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        if (!isJson) {
          expect(read).toThrow(OperatingError);
          return;
        }
        accepted += 1;
        try {
          // What is still JSON may be malformed otherwise, but is never read as fewer entries than it has.
          expect(read()).toHaveLength(Object.keys(JSON.parse(text)).length);
        } catch (error) {
          if (!(error instanceof OperatingError)) throw error;
        }
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(0);
  });
});
