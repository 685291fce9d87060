import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { examineSharedStores, findingOf, silenceOf } from '../../src/doctor/shared-store-findings.ts';
import { ALL_FORMS, newSharedStore, OTHER_FORMS } from '../support/shared-stores.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const SOUND = {
  bytes: 2 ** 20,
  liveRows: 1_000_000,
  deadRows: 199_999,
  isVacuumed: true,
  isIndexed: true,
  packedTable: undefined,
  table: '"t"',
};

describe('What doctor says of a shared store', () => {
  it.each(ALL_FORMS)('is what it takes, and what its server lacks, in the form: $name', async (form) => {
    const made = await newSharedStore(form, NOW);
    await made.append({ sessionId: sessionIdOf(1), atMs: NOW });
    const [finding, ...others] = await examineSharedStores({ 'sessions.sharedStores': [made.settings] }, systemClock);
    expect(others).toEqual([]);
    // The server of the tests has no autovacuum.
    expect(finding).toMatchObject({ level: 'notice', message: expect.stringMatching(/KiB.*no autovacuum comes by/) });
    expect(finding?.advice?.includes('CREATE INDEX CONCURRENTLY ON "Bot_entries" (project_key, session_id)')).toBe(
      form === OTHER_FORMS[1],
    );
    // It only looks.
    const beside = await made.outside.unsafe(`SELECT to_regclass('${form.table.replaceAll('"', '')}_trash') AS there`);
    expect(beside[0]?.there === null).toBe(form.create !== undefined);
  });

  it('is that it cannot be asked, without its password, and then what it says of the next', async () => {
    const gone = { url: `postgres://bot:secret@localhost/claude?host=${tempDir()}` };
    const [form = ALL_FORMS[0]] = OTHER_FORMS;
    if (form === undefined) throw new Error('no form');
    const made = await newSharedStore(form, NOW);
    const findings = await examineSharedStores({ 'sessions.sharedStores': [gone, made.settings] }, systemClock);
    expect(findings.map(({ level }) => level)).toEqual(['problem', 'notice']);
    expect(JSON.stringify(findings)).not.toContain('secret');
  });

  it('is which hosts have been silent for more than two days, and until when they are heeded', async () => {
    const [form = ALL_FORMS[0]] = ALL_FORMS;
    if (form === undefined) throw new Error('no form');
    const made = await newSharedStore(form, NOW);
    const store = await made.open();
    await store.tellProtected([sessionIdOf(1)]);
    const silent = async () => {
      const findings = await examineSharedStores({ 'sessions.sharedStores': [made.settings] }, systemClock);
      return findings.slice(1);
    };
    made.server.setClock(NOW + 2 * DAY_MS);
    expect(await silent()).toEqual([]);
    made.server.setClock(NOW + 2 * DAY_MS + 1);
    const day = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 10);
    const message = `has told nothing since ${day(NOW)}, and protects 1 session until ${day(NOW + 30 * DAY_MS)}`;
    expect(await silent()).toMatchObject([{ level: 'notice', message: expect.stringContaining(message) }]);
    const pods = Array.from({ length: 8 }, (_, pod) => ({
      ...{ host: `pod-${pod}\u001b`, sessions: 2, toldAtMs: NOW, countsUntilMs: NOW },
    }));
    const { message: ofPods } = silenceOf(pods);
    expect(ofPods).toMatch(/^pod-0[^;]*(; pod-[^;]*){4}; 3 more hosts likewise$/);
    const odd = { host: 'odd', sessions: 1, toldAtMs: NOW, countsUntilMs: Number.MAX_SAFE_INTEGER };
    expect(silenceOf([odd]).message).toMatch(/until a day that is none$/);
    expect(ofPods).not.toContain('\u001b');
  });

  it('is nothing where nothing is missing, and else the statement that helps', () => {
    expect(findingOf(SOUND)).toEqual({ level: 'ok', message: "1.0 MiB, 1,000,000 entries by the server's count" });
    expect(findingOf({ ...SOUND, deadRows: 200_000 }).advice).toContain('VACUUM (ANALYZE) "t"');
    expect(findingOf({ ...SOUND, liveRows: 100, deadRows: 9_999 }).level).toBe('ok');
    expect(findingOf({ ...SOUND, packedTable: '"s"' }).advice).toBe('ALTER TABLE "s" SET (fillfactor = 80)');
  });
});
