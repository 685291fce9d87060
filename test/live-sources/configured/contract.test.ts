import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import { BusyError, OperatingError } from '../../../src/errors.ts';
import { configuredSources } from '../../../src/live-sources/configured/configured-sources.ts';
import type { LiveSource } from '../../../src/live-sources/live-source.ts';
import { snapshot } from '../../support/disk.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { KINDS, type Workshop } from './kinds.ts';

const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;

/** A source that names A and B. */
function madeOf(kind: string, more: object = {}): { source: LiveSource; workshop: Workshop; directory: string } {
  const directory = tempDir();
  const workshop = KINDS[kind]?.make(directory);
  if (workshop === undefined) throw new Error(kind);
  workshop.name([A, B]);
  return { source: opened(workshop, more), workshop, directory };
}

/** As the build has compiled it. */
const queryScript = new URL('../../../dist/live-sources/configured/query-main.js', import.meta.url);

function opened({ settings }: Workshop, more: object = {}): LiveSource {
  const { asked, held } = configuredSources([Object.assign(settings, more)], new SetClock(NOW), { queryScript });
  const [source] = [...asked, ...held];
  if (source === undefined) throw new Error('it is neither asked nor held');
  return source;
}

async function liveOf(source: LiveSource, ids: readonly SessionId[]): Promise<SessionId[]> {
  return source.withLive(ids, async (live) => [...live].toSorted());
}

describe.each(Object.keys(KINDS))('a source of the kind %s', (kind) => {
  it('names all ids that are there, and at the next question those that are there then', async () => {
    const { source, workshop } = madeOf(kind);
    expect([...(await source.read()).ids].toSorted()).toEqual([A, B]);
    workshop.name([C]);
    expect([...(await source.read()).ids]).toEqual([C]);
    workshop.name([]);
    expect((await source.read()).ids.size).toBe(0);
  });

  it('tells at the act which of some ids are live then, whatever they were before', async () => {
    const { source, workshop } = madeOf(kind);
    await source.read();
    expect(await liveOf(source, [A, C])).toEqual([A]);
    workshop.name([B, C]);
    expect(await liveOf(source, [A, C])).toEqual([C]);
  });

  it('lets the error of an act through, and can be asked again', async () => {
    const { source } = madeOf(kind);
    const failing = source.withLive([A], async () => {
      throw new RangeError('mine');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(await liveOf(source, [A, B, C])).toEqual([A, B]);
  });

  it('is left as it is by every question', async () => {
    const { source, directory } = madeOf(kind);
    const before = snapshot(directory);
    await source.read();
    await source.check();
    await liveOf(source, [A, C]);
    expect(snapshot(directory)).toEqual(before);
  });

  const faults = Object.keys(KINDS[kind]?.make('/nonexistent').faults ?? {});
  describe.each(faults)('where it is %s', (fault) => {
    it('is an error and never a part, and no act is begun', async () => {
      const { source, workshop } = madeOf(kind);
      workshop.faults[fault]?.();
      await expect(source.read()).rejects.toThrow(OperatingError);
      let acts = 0;
      await expect(source.withLive([A], async () => (acts += 1))).rejects.toThrow(OperatingError);
      expect(acts).toBe(0);
      if (!KINDS[kind]?.isCheckedInPart) await expect(source.check()).rejects.toThrow(OperatingError);
    });

    it('is an error at the act where it has answered the plan, also where it is not required', async () => {
      const { source, workshop } = madeOf(kind, { required: false });
      await source.read();
      workshop.faults[fault]?.();
      await expect(source.withLive([C], async () => 'removed')).rejects.toThrow(OperatingError);
    });

    it('stops nothing where the configuration says so, and protects what it named last', async () => {
      const { source, workshop } = madeOf(kind, { required: false });
      const unread = opened(workshop, { required: false });
      await source.read();
      workshop.faults[fault]?.();
      const reading = await source.read();
      expect(reading).toMatchObject({ isSilent: true, faults: [expect.stringContaining(source.name)] });
      expect([...reading.ids].toSorted()).toEqual([A, B]);
      expect(await liveOf(source, [A, C])).toEqual([A]);
      expect([...((await source.ask?.([A, C])) ?? [A])]).toEqual([A]);
      expect((await unread.read()).ids.size).toBe(0);
      await unread.check();
    });
  });

  it.runIf(KINDS[kind]?.isHeld)('keeps its writers waiting for as long as an act runs', async () => {
    const { source, workshop } = madeOf(kind);
    await source.withLive([A], async () => {
      expect(() => workshop.name([C])).toThrow('locked');
      await sleep(0);
    });
    workshop.name([C]);
    expect(await liveOf(source, [A, C])).toEqual([C]);
  });

  it.runIf(KINDS[kind]?.isHeld)('that is not required is asked again where it is only busy', async () => {
    const { source, workshop } = madeOf(kind, { required: false });
    await source.read();
    workshop.faults.locked?.();
    await expect(source.withLive([A], async () => undefined)).rejects.toThrow(BusyError);
  });
});
