import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { partPath, type Unit } from '../../src/claude-dir/unit.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { useNativePart } from '../../src/files/native-part.ts';
import { nativeRequest, readAnswer } from '../../src/scan/native-request.ts';
import { type ScanResult, scanClaudeDir, scanHere } from '../../src/scan/scan.ts';
import { builtNativePart } from '../support/native.ts';
import { anyOddEntries, makeOddTree } from '../support/odd-tree.ts';
import { openClaudeDir } from '../support/opened.ts';
import { unitsOf } from '../support/scanned.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { asUnprivileged } from '../support/unprivileged.ts';

afterEach(() => useNativePart(builtNativePart()));

/** In an order of its own: which of several directories is looked at first is nobody's promise. */
function shown(result: ScanResult): object {
  const { units, faults, projectDirs, stopped } = unitsOf(result);
  const byPath = (left: { path: string }, right: { path: string }) => (left.path < right.path ? -1 : 1);
  return {
    units: units.map(shownUnit).sort((left, right) => (left.sessionId < right.sessionId ? -1 : 1)),
    faults: faults.toSorted(byPath),
    projectDirs: projectDirs.toSorted((left, right) => (left.name < right.name ? -1 : 1)),
    stopped,
  };
}

function shownUnit({ seenNames, parts, undecided, ...unit }: Unit) {
  const paths = (some: Unit['parts']) => some.map((part) => `${part.kind} ${partPath(part)}`).sort();
  return { ...unit, seenNames: [...seenNames].sort(), parts: paths(parts), undecided: paths(undecided) };
}

function byNode<T>(scan: () => T): T {
  useNativePart(undefined);
  try {
    return scan();
  } finally {
    useNativePart(builtNativePart());
  }
}

describe('the native scan', () => {
  it('finds in odd trees what Node’s calls find, to the byte', async () => {
    const property = fc.asyncProperty(anyOddEntries, async (entries) => {
      const path = makeOddTree(tempDir(), entries);
      const claudeDir = openClaudeDir(path);
      const expected = shown(byNode(() => scanHere(claudeDir)));
      expect(shown(scanHere(claudeDir))).toEqual(expected);
      expect(shown(await scanClaudeDir(claudeDir))).toEqual(expected);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it('finds what Node’s calls find where much is closed to it', () => {
    const property = fc.property(anyOddEntries, (entries) => {
      const path = makeOddTree(tempDir(), entries);
      if (process.getuid?.() === 0) execFileSync('chown', ['-Rh', '--from=0', '65534:65534', path]);
      const claudeDir = openClaudeDir(path);
      const [expected, found] = asUnprivileged(() => [byNode(() => scanHere(claudeDir)), scanHere(claudeDir)]);
      expect(shown(found)).toEqual(shown(expected));
    });
    fc.assert(property, { numRuns: 40 });
  });

  it('finds all that stays while other files come and go beside it', async () => {
    const path = makeClaudeDir(tempDir());
    const staying = Array.from({ length: 100 }, (_, index) => sessionIdOf(index));
    for (const id of staying) makeSession(path, { id, ageMs: DAY_MS, companions: ['subagents/agent-a1.jsonl'] }, NOW);
    const claudeDir = openClaudeDir(path);
    const ofStaying = (result: ScanResult) => {
      const units = unitsOf(result).units.map(shownUnit);
      return units
        .filter(({ sessionId }) => staying.includes(sessionId))
        .sort((a, b) => (a.sessionId < b.sessionId ? -1 : 1));
    };
    const expected = ofStaying(byNode(() => scanHere(claudeDir)));
    const coming = sessionIdOf(1_000);
    const script =
      'cd "$1"; echo on; while :; do mkdir "$2" "$2/a"; : > "$2.jsonl"; : > "$2/a/b"; mv "$2" x; mv x "$2"; rm -r "$2" "$2.jsonl"; done';
    const restless = spawn('sh', ['-c', script, 'sh', join(path, 'projects/-srv-app'), coming], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(async () => {
      restless.kill('SIGKILL');
      await once(restless, 'close');
    });
    await once(restless.stdout, 'data');
    for (let time = 0; time < 30; time += 1) {
      const result = await scanClaudeDir(claudeDir);
      expect(ofStaying(result)).toEqual(expected);
      expect(unitsOf(result).faults.filter(({ path }) => !path.includes(coming))).toEqual([]);
    }
  });

  it('ends at the next entry where it is stopped, and claims nothing of what it has seen', async () => {
    const path = makeClaudeDir(tempDir());
    for (let index = 0; index < 50; index += 1) makeSession(path, { id: sessionIdOf(index), ageMs: DAY_MS }, NOW);
    const { words, names } = requestFor(path);
    const stopped = await builtNativePart().scan(words, names, Int32Array.of(1));
    expect([...readAnswer(stopped)]).toMatchObject([{ error: constants.errno.ECANCELED, entries: 0, count: 0 }]);
    const whole = await builtNativePart().scan(words, names, Int32Array.of(0));
    expect([...readAnswer(whole)]).toMatchObject([{ error: 0, entries: 50, count: 50 }]);
  });

  it.each<{ what: string; change: (request: Request) => unknown }>([
    { what: 'a path begins beyond the names', change: ({ words, names }) => words.fill(names.length, 5, 5 + 1) },
    { what: 'a path is longer than the names', change: ({ words }) => words.fill(1_000, 6, 6 + 1) },
    { what: 'a form begins beyond the names', change: ({ words }) => words.fill(0xffffffff, 9, 9 + 1) },
    { what: 'there are no shares', change: ({ words }) => words.fill(0, 8, 8 + 1) },
    { what: 'the names do not end', change: ({ names }) => names.fill(1, names.length - 1) },
  ])('refuses a request in which $what', async ({ change }) => {
    const request = requestFor(makeClaudeDir(tempDir()));
    change(request);
    const { words, names } = request;
    expect(() => builtNativePart().scanHere(words, names, Int32Array.of(0))).toThrow('no request for the native part');
    await expect(builtNativePart().scan(words, names, Int32Array.of(0))).rejects.toThrow(
      'no request for the native part',
    );
  });

  it('refuses what is no request at all', () => {
    const { scanHere } = builtNativePart() as unknown as { scanHere(...args: readonly unknown[]): unknown };
    const { words, names } = requestFor(makeClaudeDir(tempDir()));
    const stop = new Int32Array(1);
    for (const args of [[], [words, names], [names, words, stop], [words, names, new Int32Array(0)], [{}, {}, {}]]) {
      expect(() => scanHere(...args)).toThrow('no request for the native part');
    }
  });
});

interface Request {
  readonly words: Uint32Array;
  readonly names: Uint8Array;
}

function requestFor(path: string): Request {
  const { root, projects, surroundings } = openClaudeDir(path);
  const name = fixedName('-srv-app');
  const task = { kind: 'project', name, project: 0, share: 0, shares: 1, bytes: 0 } as const;
  return nativeRequest([task], surroundings, { rootFd: root.fd, projectsFd: projects.fd });
}
