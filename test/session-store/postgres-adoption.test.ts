import { describe, expect, it, onTestFinished } from 'vitest';
import { adoptEntries } from '../../src/session-store/postgres-adoption.ts';
import { PostgresSessionStore } from '../../src/session-store/postgres-session-store.ts';
import { cli } from '../cli/cli-here.ts';
import { forkProgram } from '../support/forked.ts';
import { newSharedStore, OTHER_FORMS } from '../support/shared-stores.ts';
import { STORE_PROJECT } from '../support/stored-sessions.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const OTHER_PROGRAM = new URL('other-program.mjs', import.meta.url);
const SESSIONS = 6;
const [A, B] = [sessionIdOf(1), sessionIdOf(2)] as const;
type Made = Awaited<ReturnType<typeof newSharedStore>>;
let schemas = 0;

/** A schema that no other test has. */
function schemaName(): string {
  schemas += 1;
  return `ours${schemas}`;
}

function oursAt({ url }: Made, schema: string): PostgresSessionStore {
  const store = new PostgresSessionStore(url.replace(/search_path=[^&]*/, `search_path=${schema}`), {
    foldSessionSummary: (_, { sessionId }) => ({ sessionId, mtime: 0, data: {} }),
  });
  onTestFinished(() => store.close());
  return store;
}

async function theirs({ outside }: Made, table: string, sessionId: string) {
  const order = table === 'claude_session_store' ? 'seq' : 'id';
  const rows = await outside.unsafe<{ entry: object }[]>(
    `SELECT entry FROM ${table} WHERE session_id::text = '${sessionId}' AND coalesce(subpath, '') = '' ORDER BY ${order}`,
  );
  return rows.map(({ entry }) => entry);
}

describe.each(OTHER_FORMS.filter(({ settings }) => settings.table === undefined))(
  'Taking over a store of the form: $name',
  (form) => {
    it('loses, doubles and reorders no entry while its program writes on in a process of its own', async () => {
      const made = await newSharedStore(form, NOW);
      const schema = schemaName();
      const { table, settings } = form;
      for (let number = 0; number < 50; number += 1) {
        await made.append({
          sessionId: sessionIdOf((number % SESSIONS) + 1),
          atMs: NOW - DAY_MS,
          entry: { type: 'user', number },
        });
      }
      const program = forkProgram(OTHER_PROGRAM, [settings.readAs ?? '', made.url, String(SESSIONS)]);
      await program.message();
      let steps = 0;
      // Its program never rests: what has been seen of it by then is enough.
      const limits = {
        shouldStop: () => steps >= 8,
        onProgress: () => {
          steps += 1;
        },
      };
      const during = await adoptEntries(made.settings, { schema, ...limits });
      const ours = oursAt(made, schema);
      await ours.append({ projectKey: STORE_PROJECT, sessionId: sessionIdOf(90) }, [{ type: 'user', uuid: 'own' }]);
      program.send('end');
      const { written } = (await program.message()) as { written: number };
      const after = await adoptEntries(made.settings, { schema });
      const [{ count } = { count: -1 }] = await made.outside.unsafe<{ count: number }[]>(
        `SELECT count(*)::int AS count FROM ${table}`,
      );
      expect([count, after.entries]).toEqual([written + 50, written + 50]);
      expect([during.copied >= 50, during.copied + after.copied]).toEqual([true, count]);
      for (let number = 1; number <= SESSIONS; number += 1) {
        const sessionId = sessionIdOf(number);
        const loaded = await ours.load({ projectKey: STORE_PROJECT, sessionId });
        expect(loaded).toEqual(await theirs(made, table, sessionId));
      }
      expect(await ours.load({ projectKey: STORE_PROJECT, sessionId: sessionIdOf(90) })).toEqual([
        { type: 'user', uuid: 'own' },
      ]);
      expect(await ours.listSessions(STORE_PROJECT)).toHaveLength(SESSIONS + 1);
      expect(await adoptEntries(made.settings, { schema })).toEqual({ entries: count, copied: 0 });
    });

    it('takes over what was committed after later entries were', async () => {
      const made = await newSharedStore(form, NOW);
      const schema = schemaName();
      await made.outside.unsafe('BEGIN');
      await made.append({ sessionId: A, atMs: NOW, entry: { type: 'user', number: 1 } });
      const { outside } = made;
      const reserved = await outside.unsafe<{ number: number }[]>(
        `SELECT ${form.settings.readAs === 'python' ? 'seq' : 'id'}::int AS number FROM ${form.table}`,
      );
      await outside.unsafe('ROLLBACK');
      await made.append({ sessionId: A, atMs: NOW, entry: { type: 'user', number: 2 } });
      expect(await adoptEntries(made.settings, { schema })).toEqual({ entries: 1, copied: 1 });
      const order = form.settings.readAs === 'python' ? 'seq' : 'id';
      await made.append({ sessionId: A, atMs: NOW, entry: { type: 'user', number: 1 } });
      await outside.unsafe(`UPDATE ${form.table} SET ${order} = ${reserved[0]?.number} WHERE entry->>'number' = '1'`);
      expect(await adoptEntries(made.settings, { schema })).toEqual({ entries: 2, copied: 1 });
      expect(await oursAt(made, schema).load({ projectKey: STORE_PROJECT, sessionId: A })).toEqual([
        { type: 'user', number: 1 },
        { type: 'user', number: 2 },
      ]);
    });

    it('keeps entries that have one uuid, agents’ transcripts, and the times of all', async () => {
      const made = await newSharedStore(form, NOW);
      const schema = schemaName();
      for (const number of [1, 2]) {
        await made.append({ sessionId: A, atMs: NOW - number * DAY_MS, entry: { type: 'user', uuid: 'same', number } });
      }
      await made.append({
        sessionId: A,
        atMs: NOW - DAY_MS,
        subpath: 'subagents/agent-1',
        entry: { type: 'user', uuid: 'same' },
      });
      await made.append({
        sessionId: B,
        atMs: NOW - 5 * DAY_MS,
        entry: { type: 'user', uuid: 'x"\\', text: 'ü\ud83d\ude00' },
      });
      await adoptEntries(made.settings, { schema });
      const ours = oursAt(made, schema);
      const key = { projectKey: STORE_PROJECT, sessionId: A };
      expect(await ours.load(key)).toHaveLength(2);
      expect(await ours.listSubkeys(key)).toEqual(['subagents/agent-1']);
      const listed = await ours.listSessions(STORE_PROJECT);
      expect(new Map(listed.map(({ sessionId, mtime }) => [sessionId, Math.abs(mtime - NOW) < 2 * DAY_MS]))).toEqual(
        new Map([
          [A, true],
          [B, false],
        ]),
      );
      // What comes again with its uuid is stored once, as in any store of ours.
      await ours.append(key, [
        { type: 'user', uuid: 'same' },
        { type: 'user', uuid: 'new' },
      ]);
      expect((await ours.load(key))?.map(({ uuid }) => uuid)).toEqual(['same', 'same', 'new']);
    });

    it('says so where an entry is not as it was taken over, or its number is taken', async () => {
      const made = await newSharedStore(form, NOW);
      const schema = schemaName();
      await made.append({ sessionId: A, atMs: NOW });
      await adoptEntries(made.settings, { schema });
      await made.outside.unsafe(`UPDATE ${form.table} SET entry = '{"type":"other"}'`);
      await expect(adoptEntries(made.settings, { schema })).rejects.toThrow(
        `of session ${A} is not as it was taken over`,
      );
    });

    it('is done by a command, which leaves the other table as it is and asks first', async () => {
      const made = await newSharedStore(form, NOW);
      const schema = schemaName();
      await made.append({ sessionId: A, atMs: NOW });
      const stores = JSON.stringify([{ ...made.settings, onlyThisHost: true }]);
      const words = ['--sessions-shared-stores', stores, 'store', 'adopt', form.table, '--schema', schema];
      expect((await cli(words)).code).toBe(64);
      expect(await cli([...words, '--dry-run'])).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Would take over'),
      });
      const there = await made.outside.unsafe(`SELECT to_regnamespace('${schema}') AS there`);
      expect(there[0]?.there).toBeNull();
      expect(await cli([...words, '--yes'])).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`search_path=${schema}`),
      });
      expect(await oursAt(made, schema).load({ projectKey: STORE_PROJECT, sessionId: A })).toHaveLength(1);
      expect(await made.entries()).toEqual({ [A]: 1 });
      expect((await cli([...words.slice(0, 4), 'nothing', '--yes'])).stderr).toContain(
        'no store of sessions.sharedStores',
      );
    });
  },
);
