/** What a scan promises, whoever makes the calls: one suite, run over each way. */

import { execFileSync } from 'node:child_process';
import {
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import { partPath, type Unit } from '../../src/claude-dir/unit.ts';
import { AnchoredDir } from '../../src/files/anchored-dir.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import type { ScanOptions, ScanResult } from '../../src/scan/scan.ts';
import { snapshot } from '../support/disk.ts';
import { canMount, inMountNamespace } from '../support/mount-namespace.ts';
import { openClaudeDir } from '../support/opened.ts';
import { type Scanned, unitsOf } from '../support/scanned.ts';
import { tempDir } from '../support/temp-dir.ts';
import {
  addWhatIsKept,
  DAY_MS,
  makeClaudeDir,
  makeSession,
  makeTree,
  sessionIdOf,
  writeAged,
} from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const ID = sessionIdOf(1);
const OTHER = sessionIdOf(2);
const PROJECT = 'projects/-srv-app';
const TRANSCRIPT = `${PROJECT}/${ID}.jsonl`;
const OLD = { ageMs: 40 * DAY_MS };

export interface ScanWay {
  readonly name: string;
  /** For the tests of the suite, and for the programs that they start. */
  use(): void;
  scan(claudeDir: ClaudeDir, options?: ScanOptions): Promise<ScanResult>;
}

function unitOf({ units }: Pick<Scanned, 'units'>, id: SessionId = ID): Unit {
  const unit = units.find(({ sessionId }) => sessionId === id);
  if (unit === undefined) throw new Error(`no unit ${id} among ${units.length}`);
  return unit;
}

/** A directory with one whole session, and what the test adds to it. */
function madeWith(add: (path: string) => void = () => undefined): string {
  const path = makeClaudeDir(tempDir());
  makeSession(path, { id: ID, ...OLD, companions: ['subagents/agent-a1.jsonl'] }, NOW);
  makeSession(path, { id: OTHER, ...OLD }, NOW);
  add(path);
  return path;
}

async function makeSocket(path: string): Promise<void> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

export function describeScan(way: ScanWay): void {
  const scan = async (path: string, options?: ScanOptions) => unitsOf(await way.scan(openClaudeDir(path), options));

  beforeEach(() => way.use());

  describe('a unit', () => {
    const EVERYWHERE = [
      `file-history/${ID}/0a1b2c3d@v1`,
      `session-env/${ID}/hook-0.sh`,
      `tasks/${ID}/1.json`,
      `image-cache/${ID}/1.png`,
      `uploads/${ID}/a.pdf`,
      `debug/${ID}.txt`,
      `todos/${ID}.json`,
      `todos/${ID}-agent-${ID}.json`,
    ];

    it('is the transcript with everything that belongs to the session, in every place, the transcript first', async () => {
      const path = makeClaudeDir(tempDir());
      const companions = ['subagents/workflows/wf_1/agent-a1.jsonl', 'tool-results/1.txt'];
      const { files } = makeSession(path, { id: ID, ...OLD, companions, elsewhere: EVERYWHERE, content: '12345' }, NOW);
      const unit = unitOf(await scan(path));
      const paths = unit.parts.map(partPath);
      expect(paths[0]).toBe(TRANSCRIPT);
      expect(paths.toSorted()).toEqual(
        [
          TRANSCRIPT,
          `${PROJECT}/${ID}`,
          ...['file-history', 'session-env', 'tasks', 'image-cache', 'uploads'].map((place) => `${place}/${ID}`),
          `debug/${ID}.txt`,
          `todos/${ID}-agent-${ID}.json`,
          `todos/${ID}.json`,
        ].toSorted(),
      );
      expect(unit).toMatchObject({
        project: '-srv-app',
        hasTranscript: true,
        doubt: undefined,
        files: files.length,
        bytes: 5 * files.length,
        newestMtimeMs: NOW - OLD.ageMs,
      });
    });

    it.each([TRANSCRIPT, `${PROJECT}/${ID}/subagents/workflows/wf_1/agent-a1.jsonl`, ...EVERYWHERE])(
      'is as young as its youngest file, wherever that lies: %s',
      async (youngest) => {
        const path = makeClaudeDir(tempDir());
        makeSession(path, { id: ID, ...OLD, elsewhere: EVERYWHERE }, NOW);
        writeAged(join(path, youngest), 'new', NOW - DAY_MS);
        expect(unitOf(await scan(path)).newestMtimeMs).toBe(NOW - DAY_MS);
      },
    );

    it.each(EVERYWHERE)('is an orphan where only %s is left', async (left) => {
      const path = makeClaudeDir(tempDir());
      makeSession(path, { id: ID, ...OLD, hasTranscript: false, elsewhere: [left] }, NOW);
      expect(unitOf(await scan(path))).toMatchObject({
        hasTranscript: false,
        project: undefined,
        doubt: undefined,
        files: 1,
      });
    });

    it('is an orphan with a project where its directory is left', async () => {
      const path = makeClaudeDir(tempDir());
      makeSession(path, { id: ID, ...OLD, hasTranscript: false, companions: ['tool-results/1.txt'] }, NOW);
      expect(unitOf(await scan(path))).toMatchObject({ hasTranscript: false, project: '-srv-app', doubt: undefined });
    });

    it('without any file is as old as its youngest directory', async () => {
      const path = makeClaudeDir(tempDir());
      const directory = join(path, `${PROJECT}/${ID}/subagents`);
      mkdirSync(directory, { recursive: true });
      for (const [at, ageMs] of [
        [directory, 3 * DAY_MS],
        [dirname(directory), 5 * DAY_MS],
      ] as const) {
        utimesSync(at, (NOW - ageMs) / 1000, (NOW - ageMs) / 1000);
      }
      expect(unitOf(await scan(path))).toMatchObject({
        files: 0,
        bytes: 0,
        newestMtimeMs: NOW - 3 * DAY_MS,
        doubt: undefined,
      });
    });

    it('may be an empty transcript', async () => {
      const path = makeClaudeDir(tempDir());
      makeSession(path, { id: ID, ...OLD, content: '' }, NOW);
      expect(unitOf(await scan(path))).toMatchObject({ files: 1, bytes: 0, doubt: undefined, hasTranscript: true });
    });

    it.each<{ what: string; change: (transcript: string) => void }>([
      { what: 'grows', change: (file) => writeAged(file, 'longer than before, by far', NOW - OLD.ageMs) },
      { what: 'is touched', change: (file) => utimesSync(file, NOW / 1000, NOW / 1000) },
      {
        what: 'is replaced by one of the same size and time',
        change: (file) => {
          renameSync(file, `${file}.old`);
          writeAged(file, '12345', NOW - OLD.ageMs);
        },
      },
    ])('has another digest when a file of it $what', async ({ change }) => {
      const path = makeClaudeDir(tempDir());
      makeSession(path, { id: ID, ...OLD, content: '12345' }, NOW);
      const before = unitOf(await scan(path)).digest;
      expect(unitOf(await scan(path)).digest).toBe(before);
      change(join(path, TRANSCRIPT));
      expect(unitOf(await scan(path)).digest).not.toBe(before);
    });
  });

  describe('what is no session’s', () => {
    it('never becomes part of any unit, however old', async () => {
      const path = makeClaudeDir(tempDir());
      makeSession(path, { id: ID, ...OLD, project: '-srv-project-0' }, NOW);
      addWhatIsKept(path, NOW);
      const strays = [
        `projects/-srv-project-0/memory/${OTHER}.jsonl`,
        `projects/-srv-project-0/memory/${OTHER}/agent.jsonl`,
        `projects/-srv-project-0/${OTHER}.jsonl.bak`,
        `projects/-srv-project-0/deeper/${OTHER}.jsonl`,
        `projects/${OTHER}.jsonl`,
        `${OTHER}.jsonl`,
        `plans/${OTHER}/plan.md`,
        `shell-snapshots/${OTHER}.sh`,
        `file-history/shared/${OTHER}/a@v1`,
        `session-sweeper/trash/20260101T000000Z/projects/-srv-app/${OTHER}.jsonl`,
      ];
      for (const stray of strays) writeAged(join(path, stray), 'kept', NOW - 400 * DAY_MS);
      const orphan = `debug/${sessionIdOf(3)}.txt`;
      writeAged(join(path, orphan), '', NOW - OLD.ageMs);
      const { units, faults } = await scan(path);
      expect(units.flatMap(({ parts, doubt }) => parts.map((part) => [partPath(part), doubt])).sort()).toEqual([
        [orphan, undefined],
        [`projects/-srv-project-0/${ID}.jsonl`, undefined],
      ]);
      expect(faults).toEqual([]);
    });

    it('is no unit where a session’s name stands in the wrong kind of place', async () => {
      const path = madeWith((at) => {
        writeAged(join(at, `file-history/${sessionIdOf(3)}.txt`), '', 0);
        writeAged(join(at, `debug/${sessionIdOf(4)}/a`), '', 0);
      });
      expect((await scan(path)).units.map(({ sessionId }) => sessionId).sort()).toEqual([ID, OTHER]);
    });
  });

  describe('a unit in doubt', () => {
    const replaced = (relativePath: string, make: (at: string) => void | Promise<void>) => (path: string) => {
      const at = join(path, relativePath);
      rmSync(at, { recursive: true, force: true });
      mkdirSync(dirname(at), { recursive: true });
      return make(at);
    };
    const symlink = (at: string) => symlinkSync(tempDir(), at);
    const fifo = (at: string) => void execFileSync('mkfifo', [at]);
    const AGENT = `${PROJECT}/${ID}/subagents/agent-a1.jsonl`;

    it.each<{ what: string; doubt: Unit['doubt']; change: (path: string) => void | Promise<void> }>([
      { what: 'its transcript is a symlink', doubt: 'unrecognised', change: replaced(TRANSCRIPT, symlink) },
      {
        what: 'its transcript is a dangling symlink',
        doubt: 'unrecognised',
        change: replaced(TRANSCRIPT, (at) => symlinkSync('/nonexistent', at)),
      },
      { what: 'its transcript is a FIFO', doubt: 'unrecognised', change: replaced(TRANSCRIPT, fifo) },
      { what: 'its transcript is a socket', doubt: 'unrecognised', change: replaced(TRANSCRIPT, makeSocket) },
      {
        what: 'its transcript is a device',
        doubt: 'unrecognised',
        change: replaced(TRANSCRIPT, (at) => void execFileSync('mknod', [at, 'c', '1', '3'])),
      },
      {
        what: 'its transcript is a directory',
        doubt: 'unrecognised',
        change: replaced(TRANSCRIPT, (at) => mkdirSync(at)),
      },
      { what: 'its directory is a symlink', doubt: 'unrecognised', change: replaced(`${PROJECT}/${ID}`, symlink) },
      {
        what: 'its directory is a file',
        doubt: 'unrecognised',
        change: replaced(`${PROJECT}/${ID}`, (at) => writeFileSync(at, '')),
      },
      {
        what: 'a directory below its own is a symlink',
        doubt: 'unrecognised',
        change: replaced(dirname(AGENT), symlink),
      },
      { what: 'a file below its own is a symlink', doubt: 'unrecognised', change: replaced(AGENT, symlink) },
      { what: 'a file below its own is a FIFO', doubt: 'unrecognised', change: replaced(AGENT, fifo) },
      { what: 'a file below its own is a socket', doubt: 'unrecognised', change: replaced(AGENT, makeSocket) },
      { what: 'a companion is a symlink', doubt: 'unrecognised', change: replaced(`file-history/${ID}`, symlink) },
      { what: 'a companion is a FIFO', doubt: 'unrecognised', change: replaced(`debug/${ID}.txt`, fifo) },
      {
        what: 'a companion is a file instead of a directory',
        doubt: 'unrecognised',
        change: replaced(`tasks/${ID}`, (at) => writeFileSync(at, '')),
      },
      {
        what: 'its transcript has a second name',
        doubt: 'hard-linked',
        change: (path) => linkSync(join(path, TRANSCRIPT), join(path, 'backup')),
      },
      {
        what: 'a file below has a second name',
        doubt: 'hard-linked',
        change: (path) => linkSync(join(path, AGENT), join(path, 'backup')),
      },
      {
        what: 'another project has a transcript of its id',
        doubt: 'duplicate-id',
        change: (path) => writeAged(join(path, `projects/-other/${ID}.jsonl`), '', NOW - OLD.ageMs),
      },
    ])('is one where $what, and the others are not', async ({ doubt, change }) => {
      const path = madeWith();
      await change(path);
      const result = await scan(path);
      expect(unitOf(result).doubt).toBe(doubt);
      expect(unitOf(result, OTHER).doubt).toBeUndefined();
    });

    it.skipIf(process.getuid?.() !== 0).each([TRANSCRIPT, `${PROJECT}/${ID}`, AGENT])(
      'is one where %s belongs to another user',
      async (owned) => {
        const result = await scan(madeWith((path) => chownSync(join(path, owned), 65_534, 65_534)));
        expect(unitOf(result).doubt).toBe('foreign-owner');
        expect(unitOf(result, OTHER).doubt).toBeUndefined();
      },
    );

    it('is one whose tree goes 3,000 levels deep, and it holds no descriptors for them', async () => {
      const path = madeWith();
      onTestFinished(() => void execFileSync('rm', ['-rf', join(path, PROJECT)]));
      const level = fixedName('d');
      let directory = AnchoredDir.open(join(path, `${PROJECT}/${ID}`));
      for (let depth = 0; depth < 3_000; depth += 1) {
        const child = directory.openOrMakeChild(level);
        directory.close();
        directory = child;
      }
      directory.close();
      const before = readdirSync('/proc/self/fd').length;
      const result = await scan(path);
      expect(unitOf(result).doubt).toBe('unrecognised');
      expect(unitOf(result, OTHER).doubt).toBeUndefined();
      // The Claude directory and its projects are still open.
      expect(readdirSync('/proc/self/fd').length).toBe(before + 2);
    });
  });

  describe('a scan', () => {
    it('follows no symlink out of the directory, and finds nothing there', async () => {
      const outside = makeClaudeDir(tempDir());
      makeSession(outside, { id: sessionIdOf(9), ...OLD, elsewhere: [`file-history/${sessionIdOf(9)}/a@v1`] }, NOW);
      const before = snapshot(outside);
      const path = madeWith((at) => {
        symlinkSync(join(outside, PROJECT), join(at, 'projects/-linked'));
        symlinkSync(join(outside, 'file-history'), join(at, 'file-history'));
      });
      expect((await scan(path)).units.map(({ sessionId }) => sessionId).sort()).toEqual([ID, OTHER]);
      expect(snapshot(outside)).toEqual(before);
    });

    it('calls no session an orphan whose transcript may lie behind a symlinked project', async () => {
      const path = madeWith((at) => {
        symlinkSync(tempDir(), join(at, 'projects/-linked'));
        writeAged(join(at, `file-history/${sessionIdOf(3)}/a@v1`), '', NOW - OLD.ageMs);
      });
      const result = await scan(path);
      expect(unitOf(result, sessionIdOf(3)).doubt).toBe('projects-unreadable');
      expect(unitOf(result).doubt).toBeUndefined();
    });

    it.each<{ what: string; target: (path: string) => string; isHidden: boolean }>([
      { what: 'by its name', target: () => basename(PROJECT), isHidden: false },
      { what: 'by its name here', target: () => `./${basename(PROJECT)}/`, isHidden: false },
      { what: 'by its path', target: (at) => join(at, PROJECT), isHidden: false },
      { what: 'that is gone', target: () => '-gone', isHidden: true },
      { what: 'of another name elsewhere', target: () => `../../${basename(PROJECT)}`, isHidden: true },
      { what: 'that is its parent', target: () => '.', isHidden: false },
      { what: 'that is the Claude directory', target: () => '..', isHidden: false },
      { what: 'that is itself', target: () => '-renamed', isHidden: false },
      { what: 'by way of the Claude directory', target: () => `../${PROJECT}`, isHidden: false },
      { what: 'by a link to it', target: () => '-to-project', isHidden: false },
      { what: 'by a link to a link to it', target: () => './-to-link', isHidden: false },
      { what: 'by a link to a loop', target: () => '-to-loop', isHidden: false },
      { what: 'by a link to elsewhere', target: () => '-to-outside', isHidden: true },
      { what: 'by a link to nothing', target: () => '-to-gone', isHidden: true },
      { what: 'in which there is a directory', target: () => `${basename(PROJECT)}/sub`, isHidden: true },
    ])('knows of a link to a project beside it $what whether it hides anything', async ({ target, isHidden }) => {
      const path = madeWith((at) => {
        symlinkSync(target(at), join(at, 'projects/-renamed'));
        const used = target(at);
        if (used.includes('-to-')) symlinkSync(basename(PROJECT), join(at, 'projects/-to-project'));
        if (used.includes('-to-link')) symlinkSync(join(at, 'projects/-to-project'), join(at, 'projects/-to-link'));
        if (used === '-to-loop') symlinkSync('-to-back', join(at, 'projects/-to-loop'));
        if (used === '-to-loop') symlinkSync('-to-loop', join(at, 'projects/-to-back'));
        if (used === '-to-outside') symlinkSync(tempDir(), join(at, 'projects/-to-outside'));
        if (used === '-to-gone') symlinkSync('-gone', join(at, 'projects/-to-gone'));
        writeAged(join(at, `file-history/${sessionIdOf(3)}/a@v1`), '', NOW - OLD.ageMs);
      });
      expect(unitOf(await scan(path), sessionIdOf(3)).doubt).toBe(isHidden ? 'projects-unreadable' : undefined);
    });

    it.each(['.', '..'])(
      'takes a transcript that lies directly where the project %s leads for a hidden one',
      async (target) => {
        const path = madeWith((at) => {
          symlinkSync(target, join(at, 'projects/-all'));
          writeFileSync(join(at, 'projects', target, `${sessionIdOf(4)}.jsonl`), '{}\n');
          writeAged(join(at, `file-history/${sessionIdOf(3)}/a@v1`), '', NOW - OLD.ageMs);
        });
        expect(unitOf(await scan(path), sessionIdOf(3)).doubt).toBe('projects-unreadable');
      },
    );

    it.each<{ what: string; make: (at: string) => void }>([
      { what: 'a symlink', make: (at) => symlinkSync(tempDir(), at) },
      { what: 'a symlink to itself', make: (at) => symlinkSync(at, at) },
      { what: 'a file', make: (at) => writeFileSync(at, '') },
      { what: 'a symlink that leads nowhere', make: (at) => symlinkSync('nowhere', at) },
      { what: 'a FIFO', make: (at) => execFileSync('mkfifo', [at]) },
    ])('holds up nobody where $what stands for a place of companions, and names it', async ({ make }) => {
      const { units, faults } = await scan(madeWith((path) => make(join(path, 'file-history'))));
      expect(units.map(({ doubt }) => doubt)).toEqual([undefined, undefined]);
      expect(faults).toEqual([{ path: 'file-history', code: expect.stringMatching(/^(ELOOP|ENOTDIR), .*stays/) }]);
    });

    it('takes missing places for empty ones', async () => {
      const path = makeClaudeDir(tempDir());
      expect(await scan(path)).toEqual({ units: [], projectDirs: [], stopped: false, faults: [] });
    });

    it.each([
      { what: 'newlines', name: Buffer.from('-a\nb') },
      { what: 'a leading dash and more', name: Buffer.from('--help') },
      { what: 'bytes that are no UTF-8', name: Buffer.from([0xff, 0x2d, 0xfe]) },
      { what: '255 bytes', name: Buffer.alloc(255, 'p') },
      { what: '255 bytes that are no UTF-8', name: Buffer.alloc(255, 0xfe) },
    ])('finds a session in a project, with files, whose names are $what', async ({ name }) => {
      const path = makeClaudeDir(tempDir());
      const project = Buffer.concat([Buffer.from(`${path}/projects/`), name]);
      const companion = Buffer.concat([project, Buffer.from(`/${ID}/`)]);
      mkdirSync(companion, { recursive: true });
      writeFileSync(Buffer.concat([companion, name]), '1234');
      writeFileSync(Buffer.concat([project, Buffer.from(`/${ID}.jsonl`)]), '123');
      const unit = unitOf(await scan(path));
      expect(unit).toMatchObject({ project: name.toString('latin1'), files: 2, bytes: 7, doubt: undefined });
    });

    it('finds each session of a big tree once, as it was made', async () => {
      const path = tempDir();
      const made = makeTree(path, { sessions: 150, seed: 7, nowMs: NOW });
      const { units, faults } = await scan(path);
      const found = new Map(units.map((unit) => [unit.sessionId, unit]));
      expect(units.length).toBe(made.length);
      for (const { id, files, mtimeMs } of made) {
        expect(found.get(id)).toMatchObject({ files: files.length, doubt: undefined });
        expect(Math.abs((found.get(id)?.newestMtimeMs ?? 0) - mtimeMs)).toBeLessThan(1);
      }
      expect(faults).toEqual([]);
    });

    it('changes nothing', async () => {
      const path = tempDir();
      makeTree(path, { sessions: 40, seed: 8, nowMs: NOW });
      const before = snapshot(path);
      await scan(path);
      expect(snapshot(path)).toEqual(before);
    });

    it('tells how far it is', async () => {
      const progress: number[] = [];
      await scan(madeWith(), { onProgress: (sessions) => progress.push(sessions) });
      expect(progress).toEqual([2]);
    });

    it.each([0, 1, 2, 3])(
      'says that it was stopped, and takes nothing it saw for an orphan (at question %i)',
      async (question) => {
        const path = madeWith((at) => writeAged(join(at, `file-history/${sessionIdOf(3)}/a@v1`), '', NOW - OLD.ageMs));
        let asked = 0;
        const { units, ...result } = await way.scan(openClaudeDir(path), {
          shouldStop: async () => asked++ >= question,
        });
        expect(result).toMatchObject({ stopped: true });
        for (let row = 0; row < units.length; row += 1) {
          if (!units.hasTranscript(row)) expect(units.doubt(row)).toBe('projects-unreadable');
        }
      },
    );

    it('takes what has no transcript for an orphan although a FIFO lies among the projects: nothing is behind it', async () => {
      const orphan = sessionIdOf(3);
      const found = await scan(
        madeWith((path) => {
          execFileSync('mkfifo', [join(path, 'projects/-fifo')]);
          writeAged(join(path, `file-history/${orphan}/a@v1`), '', NOW - OLD.ageMs);
        }),
      );
      expect(unitOf(found, orphan).doubt).toBeUndefined();
    });

    describe.skipIf(!canMount)('enters no mount', () => {
      const scanMounted = (mount: string, add?: (path: string) => void) => {
        const path = madeWith(add);
        return JSON.parse(inMountNamespace(`${mount}; "$NODE" "$PROGRAM" "$1"`, 'scan', path)) as Scanned;
      };

      it.each([
        { what: 'a file system', mount: `mount -t tmpfs tmpfs "$1/${PROJECT}/${ID}"` },
        { what: 'a file system further below', mount: `mount -t tmpfs tmpfs "$1/${PROJECT}/${ID}/subagents"` },
        {
          what: 'a directory of the same file system',
          mount: `mkdir "$1/plans"; mount --bind "$1/plans" "$1/${PROJECT}/${ID}/subagents"`,
        },
        { what: 'a file', mount: `mount --bind "$1/${PROJECT}/${OTHER}.jsonl" "$1/${TRANSCRIPT}"` },
      ])('and doubts the unit where $what is mounted', ({ mount }) => {
        const result = scanMounted(mount);
        expect(unitOf(result).doubt).toBe('other-filesystem');
        expect(unitOf(result, OTHER).doubt).toBeUndefined();
      });

      it.each(['mount -t tmpfs tmpfs "$1/projects/-mounted"', `mount --bind "$1/${PROJECT}" "$1/projects/-mounted"`])(
        'and calls nothing an orphan where a project is one: %s',
        (mount) => {
          const orphan = sessionIdOf(3);
          const result = scanMounted(mount, (path) => {
            mkdirSync(join(path, 'projects/-mounted'));
            writeAged(join(path, `file-history/${orphan}/a@v1`), '', NOW - OLD.ageMs);
          });
          expect(result).toMatchObject({ faults: [{ path: 'projects/-mounted', code: 'EXDEV' }] });
          expect(unitOf(result, orphan).doubt).toBe('projects-unreadable');
          expect(unitOf(result).doubt).toBeUndefined();
        },
      );

      it('and doubts those alone that have something in a place of companions that is one', () => {
        const mount = `mkdir "$1/uploads"; mount -t tmpfs tmpfs "$1/uploads"; mkdir "$1/uploads/${ID}"`;
        const result = scanMounted(mount);
        expect(unitOf(result).doubt).toBe('other-filesystem');
        expect(unitOf(result, OTHER).doubt).toBeUndefined();
        expect(result.faults).toEqual([{ path: 'uploads', code: expect.stringMatching(/^EXDEV, .*stays/) }]);
      });
    });
  });
}
