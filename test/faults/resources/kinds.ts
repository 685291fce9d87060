/** Things that are no plain files, and names that are no plain names. */

import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DAY_MS, sessionIdOf, writeAged } from '../../support/tree.ts';
import { eachOf, type ResourceCase, type Stage } from './case.ts';
import { PRUNE, RESTORE } from './jobs.ts';
import { CannotSetUp, setUp } from './mounts.ts';

const OLD_MS = Date.now() - 400 * DAY_MS;

export const ODD_MAKERS: Readonly<Record<string, (path: string) => void>> = {
  'a FIFO': (path) => setUp('mkfifo', path),
  'a socket': (path) => makeSocket(path),
  'a character device': (path) => setUp('mknod', path, 'c', '1', '3'),
  'a block device': (path) => setUp('mknod', path, 'b', '7', '200'),
  'a directory': (path) => mkdirSync(join(path, 'x'), { recursive: true }),
  'a symlink to a file': (path) => symlinkSync('../stray.jsonl', path),
  'a symlink that leads nowhere': (path) => symlinkSync('nowhere', path),
  'a symlink to itself': (path) => symlinkSync(path, path),
};

/** By its bare name: a whole path is too long for a socket's address. Its maker is killed, so that it stays. */
function makeSocket(path: string): void {
  const script =
    "require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  spawnSync(process.execPath, ['-e', script, basename(path)], { cwd: dirname(path) });
  if (!existsSync(path)) throw new CannotSetUp('no socket could be made');
}

const asTranscript = eachOf(Object.keys(ODD_MAKERS), ['a FIFO'], (kind) => ({
  name: `${kind} named like a transcript`,
  run: async (stage: Stage) => {
    const place = stage.place();
    const path = join(place.projectOf(place.plain), `${sessionIdOf(500)}.jsonl`);
    ODD_MAKERS[kind]?.(path);
    setUp('touch', '-h', '-d', '@1700000000', path);
    await place.through({ codes: [0], kept: { unrecognised: 1 }, done: 'all' });
    place.expect(readdirSync(place.projectOf(place.plain)).length === 1, `${kind} is gone`);
  },
}));

const inSession = eachOf(Object.keys(ODD_MAKERS), [], (kind) => ({
  name: `${kind} in the directory of a session`,
  run: async (stage: Stage) => {
    const place = stage.place();
    const path = join(place.companionsOf(place.rich), 'odd');
    ODD_MAKERS[kind]?.(path);
    const isOdd = kind !== 'a directory';
    const except = isOdd ? [place.rich.id] : [];
    const kept = isOdd ? { unrecognised: 1 } : {};
    await place.through({
      codes: [0],
      kept,
      done: 'all',
      except,
      pass: () => rmSync(path, { recursive: true, force: true }),
    });
  },
}));

const hardLinked: ResourceCase = {
  name: 'a hard-linked transcript',
  isShort: true,
  run: async (stage) => {
    const place = stage.place();
    const backup = join(stage.directory, 'backup.jsonl');
    linkSync(place.transcriptOf(place.plain), backup);
    const kept = { 'hard-linked': 1 };
    await place.through({ codes: [0], kept, done: 'all', except: [place.plain.id], pass: () => rmSync(backup) });
  },
};

const bytes = (...values: readonly number[]) => Buffer.from(values);
const NAMES: Readonly<Record<string, Buffer>> = {
  'of 255 bytes': Buffer.alloc(255, 'n'),
  'that is no UTF-8': bytes(0xff, 0xfe, 0x80, 0x2d),
  'with a newline': Buffer.from('two\nlines'),
  'with an escape sequence': Buffer.from('\u001b[2J\u001b]0;x\u0007'),
  'with a leading dash': Buffer.from('--rf'),
  'of dots': Buffer.from('...'),
  'that is .jsonl alone': Buffer.from('.jsonl'),
  'with a backslash and quotes': Buffer.from('\\"\'`$(x)'),
};

const named = eachOf(Object.keys(NAMES), ['that is no UTF-8'], (kind) => ({
  name: `a name ${kind}: of a project, of a stray file, in a session`,
  run: async (stage: Stage) => {
    const place = stage.place();
    const name = NAMES[kind] ?? Buffer.alloc(0);
    const below = (path: string) => Buffer.concat([Buffer.from(`${path}/`), name]);
    // A project that bears it, with an expired session.
    const project = below(place.at('projects'));
    mkdirSync(project);
    const transcript = Buffer.concat([project, Buffer.from(`/${sessionIdOf(600)}.jsonl`)]);
    writeFileSync(transcript, 'in an odd project\n');
    // Utimes of bytes that are no text: by way of touch, which takes them from its standard input.
    spawnSync('xargs', ['-0', 'touch', '-d', '@1700000000', '--'], { input: transcript });
    const stray = below(place.projectOf(place.young));
    writeFileSync(stray, 'stray\n');
    writeFileSync(below(place.companionsOf(place.rich)), 'companion\n');
    spawnSync('xargs', ['-0', 'touch', '-d', '@1700000000', '--'], { input: below(place.companionsOf(place.rich)) });
    const exit = await place.mustWork(PRUNE.args(place));
    place.expectSessions(PRUNE, 'all');
    place.expect(!existsSync(transcript), 'the session of the odd project was not taken');
    place.expect(existsSync(stray), 'the stray file was taken');
    place.expect(!(exit.stdout + exit.stderr).includes('\u001b]'), 'the name stands unescaped in the report');
    await place.mustWork([...RESTORE.args(place), sessionIdOf(600)]);
    place.expectSessions(RESTORE, 'all');
    place.expect(existsSync(transcript), 'the session of the odd project did not come back');
    place.expect(existsSync(below(place.companionsOf(place.rich))), 'the odd companion did not come back');
  },
}));

const almostIds: ResourceCase = {
  name: 'names that are almost those of sessions',
  run: async (stage) => {
    const place = stage.place();
    const id = sessionIdOf(700);
    const names = [
      `${id}.jsonl.bak`,
      `${id}.JSONL`,
      ` ${id}.jsonl`,
      `${id} .jsonl`,
      `${id}.jsonl\n`,
      `${id.slice(1)}.jsonl`,
      '.jsonl',
    ];
    for (const name of names) writeAged(join(place.projectOf(place.plain), name), 'kept\n', OLD_MS);
    await place.through({ codes: [0], done: 'all' });
    place.expect(readdirSync(place.projectOf(place.plain)).length === names.length, 'one of them is gone');
  },
};

export const KINDS_CASES: readonly ResourceCase[] = [...asTranscript, ...inSession, hardLinked, ...named, almostIds];
