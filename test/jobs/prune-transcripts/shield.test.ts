import { execFileSync } from 'node:child_process';
import { chownSync, closeSync, constants, linkSync, mkdirSync, openSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import type { Protection } from '../../../src/live-sources/live-source.ts';
import { snapshot } from '../../support/disk.ts';
import { canMount, inMountNamespace } from '../../support/mount-namespace.ts';
import { PROGRAM } from '../../support/process.ts';
import { scriptedSource } from '../../support/scripted-source.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { tempPlace } from '../../support/temp-place.ts';
import { DAY_MS, makeClaudeDir, makeSession, type SessionShape, sessionIdOf, writeAged } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { left, type PruneOptions, prune, transcriptOf } from './pruning.ts';

const PERIOD_MS = 30 * DAY_MS;
const [A, B, C, D] = [1, 2, 3, 4].map(sessionIdOf) as [SessionId, SessionId, SessionId, SessionId];

interface Host {
  readonly path: string;
  /** Days, of a transcript. */
  ageOf(id: SessionId): number;
  /** Prunes with the shield over what is wanted, unless it says otherwise. */
  prune(live: readonly SessionId[], options?: PruneOptions): ReturnType<typeof prune>;
}

function host(...sessions: readonly (Omit<SessionShape, 'ageMs'> & { readonly days: number })[]): Host {
  const path = makeClaudeDir(tempDir());
  for (const { days, ...shape } of sessions) makeSession(path, { ...shape, ageMs: days * DAY_MS }, NOW);
  const trueTimes = Ledger.open(tempDir());
  onTestFinished(() => trueTimes.close());
  return {
    path,
    ageOf: (id) => (NOW - statSync(join(path, transcriptOf(id))).mtimeMs) / DAY_MS,
    prune: (live, options = {}) => {
      const sources = [scriptedSource({ planned: live })];
      return prune(path, {
        sources,
        trueTimes,
        ...options,
        cleanup: { scope: 'wanted', periodMs: PERIOD_MS, ...options.cleanup },
      });
    },
  };
}

const later = (days: number) => ({ clock: new SetClock(NOW + days * DAY_MS) });

describe('the shield', () => {
  it("makes sessions that come near Claude's limit younger with all that they have, no younger than they must be, and no others", async () => {
    const one = host({ id: A, days: 28, companions: ['tool-results/1.txt'] }, { id: B, days: 10 }, { id: C, days: 28 });
    const directory = join(one.path, `projects/-srv-app/${A}/tool-results`);
    utimesSync(directory, (NOW - 28 * DAY_MS) / 1_000, (NOW - 28 * DAY_MS) / 1_000);
    expect(await one.prune([A, B])).toMatchObject({ shielded: 1, removed: { sessions: 0 } });
    expect([A, B, C].map((id) => Math.round(one.ageOf(id)))).toEqual([24, 10, 28]);
    for (const path of [directory, join(directory, '1.txt')]) {
      expect((NOW - statSync(path).mtimeMs) / DAY_MS).toBeCloseTo(24, 3);
    }
  });

  it('reaches an old transcript, whatever else of the session is young', async () => {
    const one = host({ id: A, days: 40 });
    makeSession(one.path, { id: A, hasTranscript: false, ageMs: DAY_MS, elsewhere: [`file-history/${A}/a@v1`] }, NOW);
    expect(await one.prune([A])).toMatchObject({ shielded: 1 });
    expect(one.ageOf(A)).toBeCloseTo(24, 3);
  });

  it('keeps their order, so that the newest stays the newest, at the next run too', async () => {
    const one = host({ id: A, days: 40 }, { id: B, days: 29 }, { id: C, days: 26 }, { id: D, days: 10 });
    for (const options of [later(0), later(1)]) {
      await one.prune([A, B, C], options);
      const ages = [A, B, C, D].map(one.ageOf);
      expect(ages).toEqual(ages.toSorted((left, right) => right - left));
      expect(new Set(ages).size).toBe(4);
    }
  });

  it('lets none overtake one that was used later and that nobody asked for, as long as there is time', async () => {
    const one = host({ id: A, days: 40 }, { id: B, days: 26 });
    await one.prune([A]);
    expect(one.ageOf(A)).toBeGreaterThan(one.ageOf(B));
    await one.prune([A], later(2));
    expect(one.ageOf(A)).toBeLessThan(27 - 2 + 0.01);
  });

  it('does not change how old they are to us: once they are wanted no more, they go when their time has come', async () => {
    const one = host({ id: A, days: 40 }, { id: B, days: 26 });
    await one.prune([A, B]);
    await one.prune([A, B], later(1));
    expect(await one.prune([B], later(2))).toMatchObject({ removed: { sessions: 1 } });
    expect(left(one.path)).toEqual([B]);
  });

  it('counts a use afterwards as one', async () => {
    const one = host({ id: A, days: 40 });
    await one.prune([A]);
    utimesSync(join(one.path, transcriptOf(A)), (NOW - 5 * DAY_MS) / 1_000, (NOW - 5 * DAY_MS) / 1_000);
    expect(await one.prune([])).toMatchObject({ removed: { sessions: 0 } });
  });

  it('changes nothing in a dry run, where it is off, and where Claude deletes nothing for years', async () => {
    const one = host({ id: A, days: 28, companions: ['a.txt'] });
    const before = snapshot(one.path);
    await one.prune([A], { context: { dryRun: true } });
    expect(snapshot(one.path)).toEqual(before);
    await one.prune([A], { cleanup: { scope: 'off' } });
    await one.prune([A], { cleanup: { periodMs: 36_500 * DAY_MS } });
    expect(one.ageOf(A)).toBe(28);
  });

  it('is held by the program unless it is told not to', async () => {
    const place = tempPlace();
    makeSession(place.claudeDir, { id: A, ageMs: 28 * DAY_MS });
    await place.run(['pin', A]);
    const ageOf = () => (Date.now() - statSync(place.at(transcriptOf(A))).mtimeMs) / DAY_MS;
    utimesSync(place.at(transcriptOf(A)), new Date(), new Date(Date.now() - 28 * DAY_MS));
    await place.run(['--run-now', '--shield', 'off']);
    expect(ageOf()).toBeCloseTo(28, 1);
    await place.run(['--run-now']);
    expect(ageOf()).toBeCloseTo(24, 1);
  });

  it('stops where the run is asked to, and the next one goes on', async () => {
    const ids = Array.from({ length: 200 }, (_, number) => sessionIdOf(number + 10));
    const one = host(...ids.map((id) => ({ id, days: 40 })));
    let asked = 0;
    // The prune itself asks a few times.
    const first = await one.prune(ids, { context: { shouldStop: async () => ++asked > 4 } });
    expect(first.shielded ?? 0).toBeLessThan(200);
    const second = await one.prune(ids);
    expect((first.shielded ?? 0) + (second.shielded ?? 0)).toBe(200);
  });
});

describe('the shield over what is wanted', () => {
  const protectedBy = (protection: Protection, id: SessionId) => [scriptedSource({ protection, planned: [id] })];
  /** More than titles and tags would take, so that nobody looks whether it is a conversation. */
  const said = `${JSON.stringify({ type: 'user', text: 'x'.repeat(3_000), sessionId: A })}\n`;
  const tagged = (tag: string) => `${said}${JSON.stringify({ type: 'tag', tag, sessionId: A })}\n`;
  const titled = `${said}${JSON.stringify({ type: 'custom-title', customTitle: 'Mine', sessionId: A })}\n`;

  it.each<[what: string, options: PruneOptions, content?: string]>([
    ['live', { sources: protectedBy('live', A) }],
    ['running', { sources: protectedBy('running', A) }],
    ['pinned', { sources: protectedBy('pinned', A) }],
    ['tagged, and would not go yet', {}, tagged('keep')],
    ['titled, where titles keep', { keepNamed: true }, titled],
    ['of a project that is told never', { settings: { projects: [{ match: '-srv-*', maxAge: 'never' }] } }],
    ['of any project, where nothing is ever to go', { settings: { maxAge: 'never' } }],
  ])('is held over what is %s', async (_, options, content) => {
    const one = host({ id: A, days: 28, ...(content === undefined ? {} : { content }) });
    expect(await one.prune([], options)).toMatchObject({ shielded: 1 });
    expect(one.ageOf(A)).toBeCloseTo(24, 3);
  });

  it.each<[what: string, options: PruneOptions, content?: string]>([
    ['stays by its age alone', { settings: { maxAge: 60 * DAY_MS } }],
    ['is among the last of its project', { settings: { keepLast: 5 } }],
    ['has another tag', {}, tagged('later')],
    ['has a title, where titles do not keep', {}, titled],
  ])('is not held over what %s: Claude deletes it', async (_, options, content) => {
    const one = host({ id: A, days: 28, ...(content === undefined ? {} : { content }) });
    expect(await one.prune([], options)).not.toHaveProperty('shielded');
    expect(one.ageOf(A)).toBe(28);
  });

  it('is held over all of these, and over nothing else, where it is over all that stays', async () => {
    const one = host(
      { id: A, days: 28 },
      { id: B, days: 40 },
      { id: C, days: 28, hasTranscript: false, elsewhere: [`tasks/${C}/1.json`] },
    );
    expect(await one.prune([], { cleanup: { scope: 'all' } })).toMatchObject({ shielded: 1, removed: { sessions: 1 } });
    expect(one.ageOf(A)).toBeCloseTo(24, 3);
    expect(statSync(join(one.path, `tasks/${C}/1.json`)).mtimeMs).toBe(NOW - 28 * DAY_MS);
  });

  it.each([
    ['its transcript is', 28, 1],
    ['a result that a tool left is', 1, 28],
  ])('is held over one that is tagged where only %s near the limit', async (_, transcriptDays, resultDays) => {
    const one = host({ id: A, days: transcriptDays, content: tagged('keep') }, { id: B, days: 1 });
    const result = `projects/-srv-app/${A}/tool-results/1.txt`;
    writeAged(join(one.path, result), 'found', NOW - resultDays * DAY_MS);
    expect(await one.prune([])).toMatchObject({ shielded: 1, kept: { tagged: 1 } });
    const ageOfResult = (NOW - statSync(join(one.path, result)).mtimeMs) / DAY_MS;
    expect(Math.max(one.ageOf(A), ageOfResult)).toBeCloseTo(24, 3);
    expect(Math.min(one.ageOf(A), ageOfResult)).toBeCloseTo(1, 3);
  });

  it('looks into transcripts near the limit alone', async () => {
    const [young, old] = [26, 28].map((days) => host({ id: A, days, content: tagged('keep') }));
    expect(await young?.prune([])).toMatchObject({ kept: { 'within-retention': 1 } });
    expect(await old?.prune([])).toMatchObject({ kept: { tagged: 1 } });
    expect([young?.ageOf(A), old?.ageOf(A)].map((age) => Math.round(age ?? 0))).toEqual([26, 24]);
  });
});

describe('the shield and what is not ours', () => {
  /** @returns what the prune says of one that it may not touch, and that nothing of it has changed */
  async function untouched(one: Host): Promise<void> {
    const before = snapshot(one.path);
    expect(await one.prune([A])).toMatchObject({
      kept: { live: 1 },
      exposed: { [one.path]: { sessions: 1, wanted: 1, unshieldable: 1 } },
      faults: [],
    });
    const after = snapshot(one.path);
    for (const [file, content] of before) expect(after.get(file), file).toEqual(content);
  }

  const whole = { id: A, days: 28, companions: ['tool-results/1.txt'], elsewhere: [`file-history/${A}/a@v1`] };

  it('leaves one alone whose file has another name outside, and tells', async () => {
    const one = host(whole);
    linkSync(join(one.path, `file-history/${A}/a@v1`), join(tempDir(), 'backup'));
    await untouched(one);
  });

  it.skipIf(process.getuid?.() !== 0)("leaves one alone that has another user's file, and tells", async () => {
    const one = host(whole);
    chownSync(join(one.path, `projects/-srv-app/${A}/tool-results/1.txt`), 12_345, 12_345);
    await untouched(one);
  });

  it('leaves one alone that is 3,000 levels deep, tells, and spares the others', async () => {
    const one = host(whole, { id: B, days: 28 });
    const deep = join(one.path, `projects/-srv-app/${A}`);
    // Node's own removal recurses, and would not come to its end.
    onTestFinished(() => void execFileSync('rm', ['-rf', deep]));
    makeDeep(deep, 3_000);
    expect(await one.prune([A, B])).toMatchObject({
      shielded: 1,
      exposed: { [one.path]: { sessions: 1, unshieldable: 1 } },
    });
    expect([A, B].map((id) => Math.round(one.ageOf(id)))).toEqual([28, 24]);
  });

  it('does not touch a checkpoint that another session has too: it goes by the time of its directory', async () => {
    const one = host(whole, { id: B, days: 28 });
    mkdirSync(join(one.path, `file-history/${B}`));
    linkSync(join(one.path, `file-history/${A}/a@v1`), join(one.path, `file-history/${B}/a@v1`));
    const old = (NOW - 28 * DAY_MS) / 1_000;
    for (const id of [A, B]) utimesSync(join(one.path, `file-history/${id}`), old, old);
    expect(await one.prune([A])).toMatchObject({ shielded: 1 });
    const ageOf = (path: string) => Math.round((NOW - statSync(join(one.path, 'file-history', path)).mtimeMs) / DAY_MS);
    expect([`${A}/a@v1`, A, B].map(ageOf)).toEqual([28, 24, 28]);
  });

  it.skipIf(!canMount)('leaves one alone in which another file system is mounted, and tells', () => {
    const place = tempPlace();
    makeSession(place.claudeDir, { id: A, ageMs: 28 * DAY_MS, companions: ['tool-results/1.txt'] });
    const script = `
      theirs="$1/projects/-srv-app/$3/tool-results"
      mount -t tmpfs tmpfs "$theirs"; touch -d '28 days ago' "$theirs/file" "$theirs"
      stat -c %Y "$theirs/file" "$theirs" "$1/projects/-srv-app/$3.jsonl"
      for command in "pin $3" '--run-now --json'; do "$NODE" "$4" --claude-dir "$1" --state-dir "$2" $command; done
      stat -c %Y "$theirs/file" "$theirs" "$1/projects/-srv-app/$3.jsonl"`;
    const lines = inMountNamespace(script, 'run-job', place.claudeDir, place.stateDir, A, PROGRAM)
      .trimEnd()
      .split('\n');
    expect(lines.slice(-3)).toEqual(lines.slice(0, 3));
    expect(lines.join('\n')).toContain('"unshieldable":1');
  });
});

function makeDeep(path: string, levels: number): void {
  let fd = openSync(path, constants.O_DIRECTORY);
  for (let level = 0; level < levels; level += 1) {
    mkdirSync(`/proc/self/fd/${fd}/d`);
    const child = openSync(`/proc/self/fd/${fd}/d`, constants.O_DIRECTORY);
    closeSync(fd);
    fd = child;
  }
  closeSync(fd);
}
