/**
 * The native part under what watches every access to memory: odd trees that change meanwhile, many threads, stops at any time, requests
 * that are none. No byte is touched that is not its own, no descriptor and no memory is left over.
 */

import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { factsRequest } from '../../src/claude-dir/bulk-facts.ts';
import { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import { COMPANION_PLACES } from '../../src/claude-dir/layout.ts';
import { Measurer } from '../../src/claude-dir/measure.ts';
import type { Part } from '../../src/claude-dir/unit.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import type { DirectoryTask } from '../../src/scan/directory-task.ts';
import { nativeRequest } from '../../src/scan/native-request.ts';
import { type Movable, moveRequest } from '../../src/trash/native-moves.ts';
import { gccMissing } from '../support/compile.ts';
import { anyOddEntries, makeOddTree } from '../support/odd-tree.ts';
import { freshDirectory } from '../support/place.ts';
import { type Exit, killed, REPOSITORY, run, start } from '../support/process.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';

const TREES = { full: 60, short: 4 };
const ROUNDS = { full: 100_000, short: 5_000 };
/** It is slower by far than what the compiler builds in. */
const VALGRIND_ROUNDS = { full: 2_000, short: 200 };
const ADDON_ROUNDS = { full: 200, short: 20 };
const DESCRIPTORS = [3, 4] as const;
const KINDS = ['scan', 'look', 'move'] as const;
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const ADDON_USE = fileURLToPath(new URL('./programs/addon-use.js', import.meta.url));
/** Without this check a path may go on beyond the names. */
const CHECK = 'if (at >= request->name_bytes) return false;';
const RESTLESS = 'cd "$1/projects"; while :; do mkdir -p a/b; : > a/b/c; mv a d; rm -r d; done';

export const native: Harness = {
  name: 'native',
  missing: () => gccMissing() ?? valgrindMissing(),
  run: runNative,
};

function valgrindMissing(): string | undefined {
  return spawnSync('valgrind', ['--version']).status === 0
    ? undefined
    : 'valgrind is not installed (apt-get install valgrind libc6-dbg)';
}

async function runNative({ directory, isShort, seed }: HarnessOptions): Promise<HarnessResult> {
  const form = isShort ? 'short' : 'full';
  const source = readFileSync(join(REPOSITORY, 'native/scan.c'), 'utf8');
  const unchecked = source.replace(CHECK, '');
  if (unchecked === source) throw new Error('the control takes out a check that is not there');
  const watched = compileDriver(directory, 'watched', source, SANITIZE);
  const plain = compileDriver(directory, 'plain', source, ['-g']);
  const broken = compileDriver(directory, 'broken', unchecked, SANITIZE);
  const addon = compileAddon(directory);
  const failures: string[] = [];
  let control = 0;
  const trees = fc.sample(anyOddEntries, { numRuns: TREES[form], seed });
  for (const [number, entries] of trees.entries()) {
    const place = makeDrive(freshDirectory(directory, `tree-${number}`), entries);
    const restless = start('sh', ['-c', RESTLESS, 'sh', place.claudeDir.path]);
    try {
      const drive = (command: readonly string[], rounds: number) => place.drive(command, seed + number, rounds);
      const underValgrind = ['valgrind', '-q', '--error-exitcode=9', '--leak-check=full', plain];
      for (const kind of KINDS) {
        failures.push(...faultsOf('sanitizers', await drive([watched, kind], ROUNDS[form])));
        failures.push(...faultsOf('valgrind', await drive([...underValgrind, kind], VALGRIND_ROUNDS[form])));
      }
      for (const end of ['late', 'early'])
        failures.push(...faultsOf('addon', await place.use(addon, ADDON_ROUNDS[form], end)));
      control += faultsOf('control', await drive([broken, 'scan'], ROUNDS[form])).length;
    } finally {
      restless.kill('SIGKILL');
      await killed(restless);
      place.claudeDir.close();
    }
  }
  return {
    cases: KINDS.length * TREES[form] * (ROUNDS[form] + VALGRIND_ROUNDS[form]),
    failures,
    control: `without one check of its requests: caught in ${control} of ${TREES[form]} trees`,
    isControlCaught: control === TREES[form],
  };
}

function compileDriver(directory: string, name: string, source: string, flags: readonly string[]): string {
  const scan = join(directory, `${name}.c`);
  writeFileSync(scan, source);
  const driver = join(REPOSITORY, 'test/faults/programs/native-driver.c');
  const warnings = ['-Wall', '-Wextra', '-Werror', '-Wno-unused-but-set-variable'];
  const output = join(directory, name);
  const others = ['look.c', 'measure.c', 'move.c'].map((one) => join(REPOSITORY, 'native', one));
  const include = `-I${join(REPOSITORY, 'native')}`;
  const args = ['-O1', '-g', '-D_GNU_SOURCE', ...warnings, ...flags, include, '-pthread', driver, scan, ...others];
  const { status, stderr } = spawnSync('gcc', [...args, '-o', output], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`compile ${name}: ${stderr}`);
  return output;
}

/** As `scripts/build-native.mjs` does, and watched. */
function compileAddon(directory: string): string {
  const output = join(directory, 'addon.node');
  const sources = ['addon.c', 'calls.c', 'look.c', 'measure.c', 'move.c', 'scan.c'].map((name) =>
    join(REPOSITORY, 'native', name),
  );
  const headers = `-I${join(REPOSITORY, 'node_modules/node-api-headers/include')}`;
  const args = ['-shared', '-fPIC', '-O1', '-g', '-D_GNU_SOURCE', ...SANITIZE, headers, ...sources, '-o', output];
  const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`compile addon.node: ${stderr}`);
  return output;
}

/** The libraries of the sanitizers have to be loaded before Node; what Node itself leaves over is its own. */
function sanitizerEnvironment(): Record<string, string> {
  const paths = ['libasan.so', 'libubsan.so'].map((name) =>
    spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim(),
  );
  return { LD_PRELOAD: paths.join(' '), ASAN_OPTIONS: 'detect_leaks=0' };
}

function makeDrive(directory: string, entries: Parameters<typeof makeOddTree>[1]) {
  const claudeDir = ClaudeDir.open(makeOddTree(join(directory, 'claude'), entries));
  const requests = { scan: join(directory, 'scan'), look: join(directory, 'look'), move: join(directory, 'move') };
  writeFileSync(requests.scan, scanRequest(claudeDir));
  writeFileSync(requests.look, lookRequest(claudeDir));
  writeFileSync(requests.move, moveRequestIn(claudeDir, directory));
  const { root, projects } = claudeDir;
  const drive = (command: readonly string[], seed: number, rounds: number): Promise<Exit> => {
    const request = requests[KINDS.find((kind) => kind === command.at(-1)) ?? 'scan'];
    const [program = '', ...args] = [...command, request, String(seed), String(rounds)];
    return run(program, args, { stdio: ['ignore', 'pipe', 'pipe', root.fd, projects.fd] });
  };
  const use = (addon: string, rounds: number, end: string): Promise<Exit> => {
    const stdio = ['ignore', 'pipe', 'pipe', root.fd, projects.fd] as const;
    const args = [ADDON_USE, addon, requests.scan, requests.look, String(rounds), end];
    return run(process.execPath, args, { stdio: [...stdio], env: sanitizerEnvironment() });
  };
  return { claudeDir, drive, use };
}

function scanRequest({ projects, surroundings }: ClaudeDir): Buffer {
  const [rootFd, projectsFd] = DESCRIPTORS;
  const all = { share: 0, shares: 1, bytes: 0 };
  const names = projects.entries().map(({ name }) => name);
  const tasks: DirectoryTask[] = [
    ...names.map((name, project) => ({ kind: 'project', name, project, ...all }) as const),
    ...COMPANION_PLACES.map((_, place) => ({ kind: 'companions', place, ...all, shares: 2 }) as const),
  ];
  return fileOf(nativeRequest(tasks, surroundings, { rootFd, projectsFd }));
}

/** Of everything that stands in projects, whatever it is. */
function lookRequest({ projects }: ClaudeDir): Buffer {
  const files = projects.entries().flatMap(({ name: project, kind }) => {
    if (kind !== 'directory') return [];
    const directory = projects.openChild(project);
    try {
      return directory.entries().map(({ name }) => ({ project, name }));
    } finally {
      directory.close();
    }
  });
  return fileOf(factsRequest([...files, ...files], DESCRIPTORS[1], Date.now()));
}

/** A file and a directory are moved out of the top, and back again. */
function moveRequestIn({ root, surroundings }: ClaudeDir, directory: string): Buffer {
  const top = join(directory, 'claude');
  mkdirSync(join(top, 'moved-directory/inner'), { recursive: true });
  for (const name of ['moved-file', 'moved-directory/inner/a']) writeFileSync(join(top, name), name);
  const [rootFd, projectsFd] = DESCRIPTORS;
  const parts: readonly Part[] = [
    { directory: [], name: fixedName('moved-file'), kind: 'file' },
    { directory: [], name: fixedName('moved-directory'), kind: 'directory' },
  ];
  const units = parts.flatMap((part): Movable[] => {
    const measure = new Measurer({ ...surroundings, uid: lstatSync(join(top, part.name)).uid });
    measure.add(root, part);
    const absent = [{ directory: rootFd, name: fixedName('gone') }];
    const [forth, back] = [
      { part, from: rootFd, to: projectsFd },
      { part, from: projectsFd, to: rootFd },
    ];
    return [forth, back].map((one) => ({ measure, absent, parts: [one] }));
  });
  return fileOf(moveRequest(units, { ...surroundings, uid: process.getuid?.() ?? 0 }));
}

/** How many words there are, the words, and the names. */
function fileOf({ words, names }: { readonly words: Uint32Array; readonly names: Uint8Array }): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(words.length);
  return Buffer.concat([length, Buffer.from(words.buffer), names]);
}

function faultsOf(by: string, { code, signal, stdout, stderr }: Exit): string[] {
  if (code === 0 && stderr === '') return [];
  return [`${by}: ${code ?? signal}: ${stdout} ${stderr.split('\n').slice(0, 12).join('\n')}`];
}
