import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import { showSources, sourceSettings } from '../../../src/config/source-settings.ts';
import { OperatingError } from '../../../src/errors.ts';
import { configuredSources } from '../../../src/live-sources/configured/configured-sources.ts';
import { BrieflyBusyError } from '../../../src/live-sources/live-source.ts';
import { networkTo } from '../../support/network.ts';
import { mapAt, type Outside, put } from '../../support/postgres-map.ts';
import { newSchema } from '../../support/postgres-server.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;

function sourceAt(url: string, more: object = {}) {
  const { asked, held } = configuredSources(
    [{ kind: 'postgres-map', name: 'shared', url, ...more }],
    new SetClock(NOW),
  );
  const [source] = [...asked, ...held];
  if (source === undefined) throw new Error('it is neither asked nor held');
  return source;
}

async function name(outside: Outside, ids: readonly SessionId[]): Promise<void> {
  await outside.unsafe('DELETE FROM claude_sdk_sessions');
  await put(
    outside,
    ids.map((id, index) => ({ key: `key ${index}`, session_id: id, last_used_at: 1, created_at: 1 })),
    'another',
  );
}

/** Names A and B, by another host. */
async function made(more: object = {}) {
  const schema = await newSchema();
  await mapAt(schema.url).check();
  await name(schema.outside, [A, B]);
  return { ...schema, source: sourceAt(schema.url, more) };
}

type Made = Awaited<ReturnType<typeof made>>;

const FAULTS: Readonly<Record<string, (made: Made) => Promise<unknown>>> = {
  'without its table': ({ outside }) => outside.unsafe('DROP TABLE claude_sdk_sessions'),
  'without a column': ({ outside }) => outside.unsafe('ALTER TABLE claude_sdk_sessions DROP session_id'),
  'of a later release': ({ outside }) => outside.unsafe('INSERT INTO claude_sdk_sessions_versions VALUES (99, 0)'),
};

async function liveOf(source: Made['source'], ids: readonly SessionId[]): Promise<SessionId[]> {
  return source.withLive(ids, async (live) => [...live].toSorted());
}

async function isError({ source }: Pick<Made, 'source'>): Promise<void> {
  await expect(source.read()).rejects.toThrow(OperatingError);
  let acts = 0;
  await expect(source.withLive([A], async () => (acts += 1))).rejects.toThrow(OperatingError);
  expect(acts).toBe(0);
  await expect(source.check()).rejects.toThrow(OperatingError);
}

describe('a source of the kind postgres-map', () => {
  it('names all ids that are there, and at the next question those that are there then', async () => {
    const { source, outside } = await made();
    await source.check();
    expect([...(await source.read()).ids].toSorted()).toEqual([A, B]);
    await name(outside, [C]);
    expect([...(await source.read()).ids]).toEqual([C]);
    await name(outside, []);
    expect((await source.read()).ids.size).toBe(0);
  });

  it('tells at the act which of some ids are live then, whatever they were before', async () => {
    const { source, outside } = await made();
    await source.read();
    expect(await liveOf(source, [A, C])).toEqual([A]);
    await name(outside, [B, C]);
    expect(await liveOf(source, [A, C])).toEqual([C]);
  });

  it('keeps the writers of all hosts waiting for as long as an act runs, and lets its error through', async () => {
    const { source, outside } = await made();
    await outside.unsafe('SET lock_timeout = 20');
    const acting = source.withLive([A], async () => {
      await expect(name(outside, [C])).rejects.toMatchObject({ code: '55P03' });
      throw new RangeError('mine');
    });
    await expect(acting).rejects.toThrow(RangeError);
    await name(outside, [C]);
    expect(await liveOf(source, [A, C])).toEqual([C]);
  });

  it('is asked again later where a writer does not let go, and holds nobody up for it', async () => {
    const { source, outside } = await made();
    await outside.unsafe(`BEGIN; UPDATE claude_sdk_sessions SET last_used_at = 2`);
    let acts = 0;
    await expect(source.withLive([A], async () => (acts += 1))).rejects.toThrow(BrieflyBusyError);
    expect(acts).toBe(0);
    await outside.unsafe('COMMIT');
    expect(await liveOf(source, [A])).toEqual([A]);
  });

  describe.each(Object.keys(FAULTS))('where it is %s', (fault) => {
    it('is an error and never a part, and no act is begun', async () => {
      const one = await made();
      await FAULTS[fault]?.(one);
      await isError(one);
    });

    it('stops nothing where the configuration says so, and protects what it named last', async () => {
      const one = await made({ required: false });
      await one.source.read();
      // Its tables are looked at once.
      if (fault === 'of a later release') return;
      await FAULTS[fault]?.(one);
      expect(await one.source.read()).toMatchObject({ isSilent: true, ids: new Set([A, B]) });
      expect(await liveOf(one.source, [A, C])).toEqual([A]);
    });
  });

  it('is an error where nobody listens, where the way to it breaks in an answer, and works when it is back', async () => {
    await isError({ source: sourceAt('postgres://postgres@127.0.0.1:1/postgres') });
    const { url } = await made();
    const network = await networkTo(url);
    const source = sourceAt(network.url);
    expect(await liveOf(source, [A])).toEqual([A]);
    const broken = source.withLive([A], async () => network.drop());
    await expect(broken).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await liveOf(source, [A])).toEqual([A]);
  });

  it('shows its password nowhere, and takes it from a file anew with each connection', async () => {
    const parse = sourceSettings('/home/bot');
    const parsed = parse([
      { kind: 'postgres-map', name: 'shared', url: 'postgres://bot:s3cret@db/claude?password=s3cret&sslmode=require' },
    ]);
    const shown = 'value' in parsed ? showSources(parsed.value) : '';
    expect(shown).toContain('postgres://bot@db:5432/claude?sslmode=require');
    expect(shown).not.toContain('s3cret');
    expect(
      JSON.stringify(parse([{ kind: 'postgres-map', name: 'shared', url: 'postgres://:s3cret@db/x' }])),
    ).not.toContain('s3cret');
    const passwordFile = join(tempDir(), 'password');
    const { source } = await made({ passwordFile });
    await expect(source.read()).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('password'),
    });
    writeFileSync(passwordFile, 's3cret\n');
    expect((await source.read()).ids.size).toBe(2);
  });
});
