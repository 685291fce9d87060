/** Tasks of a scan in the form in which the native part takes them, and what it says of them. The layout is that of `native/scan.h`. */

import { companionPlace, transcriptName } from '../claude-dir/layout.ts';
import type { Surroundings } from '../claude-dir/measure.ts';
import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import { byteNameFromSystem } from '../files/byte-name.ts';
import type { DirEntry, EntryKind } from '../files/native-calls.ts';
import type { NativeAnswer } from '../files/native-part.ts';
import { PackedNames } from '../files/packed-names.ts';
import type { Link } from './directory-scan.ts';
import { type DirectoryTask, directoryOf } from './directory-task.ts';
import { companionFlag, DIRECTORY_FLAG, RECORD_BYTES, TRANSCRIPT_FLAG } from './part-records.ts';

const TOLD_WORDS = 8;
const LINK_BYTES = 16;

const NO_MOUNT = 0xffffffff;
const KINDS: readonly EntryKind[] = ['file', 'directory', 'other'];
const KIND_SHIFT = 16;
const NO_FORM: Form = { text: '', kind: 'other', flag: 0 };

/** How names of regular parts look. */
interface Form {
  /** With `*` for the session's id. */
  readonly text: string;
  readonly kind: EntryKind;
  readonly flag: number;
}

/** What the native part has to say of one task. */
export interface NativeTold {
  /** The system's number of an error; then there is nothing else, and the task is still to be done. */
  readonly error: number;
  readonly entries: number;
  readonly count: number;
  readonly buffer: ArrayBuffer;
  readonly links: readonly Link[];
  /** What it does not claim to know. */
  readonly others: readonly DirEntry[];
  /** The number of the directory that it looked at. */
  readonly inode: number;
}

/** The open directories at which paths begin. */
export interface Anchors {
  readonly rootFd: number;
  readonly projectsFd: number;
}

/** The words and the names of a request for these tasks. */
export function nativeRequest(
  tasks: readonly DirectoryTask[],
  { dev, uid, mountId }: Surroundings,
  { rootFd, projectsFd }: Anchors,
): { readonly words: Uint32Array; readonly names: Uint8Array } {
  const names = new PackedNames();
  const words = [dev % 2 ** 32, Math.floor(dev / 2 ** 32), uid, mountId ?? NO_MOUNT];
  for (const task of tasks) {
    const { share, shares } = task;
    const [fd, path] = task.kind === 'project' ? [projectsFd, [task.name]] : [rootFd, directoryOf(task)];
    const [one = NO_FORM, other = NO_FORM] = formsOf(task);
    words.push(fd, names.add(...path), path.length, share, shares);
    for (const { text, kind, flag } of [one, other]) words.push(names.add(text), ruleOf(kind, flag));
  }
  return { words: Uint32Array.from(words), names: names.bytes() };
}

/** Of each task, in their order. */
export function* readAnswer([told, rows, links, others]: NativeAnswer): Generator<NativeTold> {
  const words = new Uint32Array(told);
  const othersBytes = Buffer.from(others);
  let [row, link, other] = [0, 0, 0];
  for (let at = 0; at < words.length; at += TOLD_WORDS) {
    const [error = 0, entries = 0, count = 0, linkCount = 0, , otherBytes = 0, low = 0, high = 0] = words.subarray(
      at,
      at + TOLD_WORDS,
    );
    yield {
      error,
      entries,
      count,
      buffer: rows.slice(row * RECORD_BYTES, (row + count) * RECORD_BYTES),
      links: linkCount === 0 ? [] : linksIn(links, link, linkCount),
      others: otherBytes === 0 ? [] : entriesIn(othersBytes.subarray(other, other + otherBytes)),
      inode: low + high * 2 ** 32,
    };
    row += count;
    link += linkCount;
    other += otherBytes;
  }
}

const SAMPLE_ID = sampleId();
const PROJECT_FORMS: readonly Form[] = [
  { text: withoutId(transcriptName(SAMPLE_ID)), kind: 'file', flag: TRANSCRIPT_FLAG },
  { text: withoutId(SAMPLE_ID), kind: 'directory', flag: DIRECTORY_FLAG },
];

function formsOf(task: DirectoryTask): readonly Form[] {
  if (task.kind === 'project') return PROJECT_FORMS;
  const { regular } = companionPlace(task.place);
  if (regular === undefined) return [];
  return [{ text: withoutId(regular.nameFor(SAMPLE_ID)), kind: regular.kind, flag: companionFlag(task.place) }];
}

function sampleId(): SessionId {
  const id = parseSessionId('00000000-0000-0000-0000-000000000000');
  if (id === undefined) throw new Error('no session id');
  return id;
}

function withoutId(name: string): string {
  return name.replaceAll(SAMPLE_ID, '*');
}

function ruleOf(kind: EntryKind, flag: number): number {
  return flag === 0 ? 0 : ((KINDS.indexOf(kind) + 1) << KIND_SHIFT) | flag;
}

function linksIn(links: ArrayBuffer, first: number, count: number): Link[] {
  const view = new DataView(links, first * LINK_BYTES, count * LINK_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const at = index * LINK_BYTES;
    return {
      inode: view.getFloat64(at, true),
      names: view.getUint32(at + 8, true),
      row: view.getUint32(at + 12, true),
    };
  });
}

function entriesIn(bytes: Buffer): DirEntry[] {
  const entries: DirEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at + 1);
    entries.push({
      name: byteNameFromSystem(bytes.toString('latin1', at + 1, end)),
      kind: KINDS[(bytes[at] ?? 0) - 1] ?? 'other',
    });
    at = end + 1;
  }
  return entries;
}
