/** Claude directories at random in which much is odd: names, kinds, owners, links, what is closed. */

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, lstatSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { COMPANION_PLACES, PROJECTS } from '../../src/claude-dir/layout.ts';
import { errorCode } from '../../src/errors.ts';
import { makeClaudeDir, sessionIdOf } from './tree.ts';

const KINDS = [
  'file',
  'file',
  'file',
  'directory',
  'directory',
  'symlink',
  'fifo',
  'hard link',
  'foreign',
  'closed',
] as const;

export interface OddEntry {
  /** Below the Claude directory, byte for byte. */
  readonly path: string;
  readonly kind: (typeof KINDS)[number];
  readonly mtimeMs: number;
  readonly bytes: number;
}

const IDS = [1, 2, 3].map(sessionIdOf);
const PLACES = [
  ...['-srv-app', '-other', 'p\nq', '\xff\xfe', 'memory'].map((project) => `${PROJECTS}/${project}`),
  ...COMPANION_PLACES.map(({ directory }) => directory.join('/')),
];

function namesOf(id: string): string[] {
  const head = id.slice(0, 8);
  return [
    ...[id, `${id}.jsonl`, `${id}.txt`, `${id}.json`, `${id}-agent-${id}.json`, `${id}-agent-${IDS[0]}.json`],
    ...[`${id}.orphaned-1-a.jsonl`, `${id}.jsonl.superseded-2`, `${id}.superseded-3`, `session-${head}`, head],
    ...[id.toUpperCase(), `${id}.JSONL`, `${id}.jsonl.bak`, id.slice(1), `${id}0`, `x${id}`, `${id.slice(0, -1)}g`],
  ];
}

const anyName = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...IDS.flatMap(namesOf)) },
  { weight: 1, arbitrary: fc.constantFrom('agent-a1.jsonl', 'memory', '...', '-', 'n'.repeat(255), '*', '*.jsonl') },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.integer({ min: 1, max: 0xff }), { minLength: 1, maxLength: 40 })
      .map((bytes) => String.fromCharCode(...bytes).replaceAll('/', '_'))
      .filter((name) => name !== '.' && name !== '..'),
  },
);

const anyEntry: fc.Arbitrary<OddEntry> = fc
  .record({
    place: fc.constantFrom(...PLACES),
    names: fc.oneof(fc.tuple(anyName), fc.array(anyName, { minLength: 2, maxLength: 4 })),
    kind: fc.constantFrom(...KINDS),
    // Before 1970, and beyond what 32 bits hold; with fractions of a ms.
    mtimeMs: fc.oneof(fc.integer({ min: -1e11, max: 1e13 }), fc.double({ min: 0, max: 2e12, noNaN: true })),
    bytes: fc.integer({ min: 0, max: 20_000 }),
  })
  .map(({ place, names, ...rest }) => ({ ...rest, path: [place, ...names].join('/') }));

export const anyOddEntries = fc.array(anyEntry, { maxLength: 60 });

/** @param path where the Claude directory is made; what does not fit beside what is there already is left out */
export function makeOddTree(path: string, entries: readonly OddEntry[]): string {
  makeClaudeDir(path);
  for (const entry of entries) {
    try {
      make(path, entry);
    } catch (error) {
      if (!['EEXIST', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENOENT', 'ENXIO', 'ENAMETOOLONG'].includes(errorCode(error) ?? ''))
        throw error;
    }
  }
  // Only now, as things go into them before.
  for (const { path: at, kind } of entries) if (kind === 'closed') close(bytesOf(path, at));
  return path;
}

function make(root: string, { path, kind, mtimeMs, bytes }: OddEntry): void {
  const at = bytesOf(root, path);
  const isOfDirectory = kind === 'directory' || kind === 'closed';
  mkdirSync(isOfDirectory ? at : parentOf(at), { recursive: true });
  if (kind === 'symlink') symlinkSync('-srv-app', at);
  else if (kind === 'fifo' && lstatSync(at, { throwIfNoEntry: false }) === undefined) makeFifo(at);
  else if (!isOfDirectory && kind !== 'fifo') {
    writeFileSync(at, 'x'.repeat(bytes), { flag: 'wx' });
    if (kind === 'foreign' && process.getuid?.() === 0) chownSync(at, 12_345, 12_345);
    if (kind === 'hard link') linkSync(at, Buffer.concat([at, Buffer.from('.jsonl')]));
  }
  if (kind !== 'symlink') utimesSync(at, mtimeMs / 1_000, mtimeMs / 1_000);
}

function makeFifo(at: Buffer): void {
  // The shell takes any byte from a printf, and cuts off newlines at the end alone.
  const octal = [...at].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  const script = 'at=$(printf "$1"; printf x); mkfifo -- "$' + '{at%x}"';
  execFileSync('sh', ['-c', script, 'sh', octal]);
}

function close(at: Buffer): void {
  try {
    if (lstatSync(at).isDirectory()) chmodSync(at, 0);
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error;
  }
}

function bytesOf(root: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);
}

function parentOf(at: Buffer): Buffer {
  return at.subarray(0, at.lastIndexOf('/'));
}
