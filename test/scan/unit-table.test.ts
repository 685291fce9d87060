import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMPANION_PLACES } from '../../src/claude-dir/layout.ts';
import { packId, unpackedId } from '../../src/claude-dir/packed-id.ts';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import { type Doubt, partPath, type Unit } from '../../src/claude-dir/unit.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { NO_FLAG, PartRecordWriter, TRANSCRIPT_FLAG } from '../../src/scan/part-records.ts';
import { type FoundRows, UnitTable } from '../../src/scan/unit-table.ts';
import { sessionIdOf } from '../support/tree.ts';

const PROJECTS = [fixedName('-a'), fixedName('-b'), fixedName('-c')];
const FILE_HISTORY_FLAG = 4;

interface Found {
  readonly sessionId: SessionId;
  readonly project: number | undefined;
  readonly files: number;
  readonly bytes: number;
  readonly diskBytes: number;
  readonly newestMtimeMs: number;
  readonly digest: number;
  readonly doubt: Doubt | undefined;
}

function tableOf(found: readonly Found[]): UnitTable {
  const table = new UnitTable(PROJECTS);
  for (const { sessionId, project, ...measure } of found) {
    const writer = new PartRecordWriter();
    writer.add(sessionId, project === undefined ? FILE_HISTORY_FLAG : TRANSCRIPT_FLAG, measure);
    table.add({ buffer: writer.buffer, count: writer.count, project, place: 0, irregular: [], links: [] });
  }
  return table;
}

/** Any id, and often the same one again. */
const id = fc.oneof(
  fc.integer({ min: 1, max: 40 }).map(sessionIdOf),
  fc.uuid().map((text) => text as SessionId),
);
const part = fc.record({
  sessionId: id,
  project: fc.option(fc.nat({ max: PROJECTS.length - 1 }), { nil: undefined }),
  files: fc.nat({ max: 3 }),
  bytes: fc.nat({ max: 2 ** 40 }),
  diskBytes: fc.nat({ max: 2 ** 40 }),
  newestMtimeMs: fc.double({ min: 0, max: 2e12, noNaN: true }),
  digest: fc.nat({ max: 2 ** 32 - 1 }),
  doubt: fc.option(fc.constantFrom<Doubt>('unrecognised', 'hard-linked', 'unreadable'), { nil: undefined }),
});

/** The same by objects and one after the other. */
function naive(
  found: readonly Found[],
): Map<SessionId, Omit<Unit, 'parts' | 'doubt' | 'undecided' | 'seenNames'> & { readonly isDouble: boolean }> {
  const units = new Map<
    SessionId,
    Omit<Unit, 'parts' | 'doubt' | 'undecided' | 'seenNames'> & { readonly isDouble: boolean }
  >();
  for (const one of found) {
    const before = units.get(one.sessionId);
    const name = one.project === undefined ? undefined : PROJECTS[one.project];
    const times = [one, ...(before === undefined ? [] : [before])];
    const withFiles = times.filter(({ files }) => files > 0);
    units.set(one.sessionId, {
      sessionId: one.sessionId,
      project: before?.project ?? name,
      hasTranscript: (before?.hasTranscript ?? false) || name !== undefined,
      files: (before?.files ?? 0) + one.files,
      bytes: (before?.bytes ?? 0) + one.bytes,
      diskBytes: (before?.diskBytes ?? 0) + one.diskBytes,
      digest: ((before?.digest ?? 0) + one.digest) >>> 0,
      newestMtimeMs: Math.max(...(withFiles.length > 0 ? withFiles : times).map(({ newestMtimeMs }) => newestMtimeMs)),
      isDouble:
        (before?.isDouble ?? false) || (name !== undefined && before?.project !== undefined && before.project !== name),
    });
  }
  return units;
}

describe('a table of units', () => {
  it('joins the parts of each session, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 200 }), (found) => {
        const table = tableOf(found);
        const expected = naive(found);
        expect(table).toHaveLength(expected.size);
        for (const [sessionId, { isDouble, ...unit }] of expected) {
          const row = table.find(sessionId);
          expect(row).toBeDefined();
          if (row === undefined) continue;
          expect(table.sessionId(row)).toBe(sessionId);
          expect(table.unit(row)).toMatchObject(unit);
          if (isDouble) expect(table.doubt(row)).toBeDefined();
        }
      }),
    );
  });

  it('gives of several doubts the same one, whatever their order', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (found) => {
        const [forth, back] = [tableOf(found), tableOf(found.toReversed())];
        for (let row = 0; row < forth.length; row += 1) {
          expect(back.doubt(back.find(forth.sessionId(row)) ?? -1)).toBe(forth.doubt(row));
        }
      }),
    );
  });

  it('orders ids as their texts', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), (left, right) => {
        fc.pre(left !== right);
        const found = { project: 0, files: 1, bytes: 1, diskBytes: 1, newestMtimeMs: 1, digest: 0, doubt: undefined };
        const table = tableOf([left, right].map((text) => ({ ...found, sessionId: text as SessionId })));
        expect(Math.sign(table.compareIds(0, 1))).toBe(left < right ? -1 : 1);
      }),
    );
  });

  it('packs ids into bytes, and finds sessions by those', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), fc.nat(20), (text, other, at) => {
        fc.pre(text !== other);
        const [id, missing] = [text as SessionId, other as SessionId];
        const found = { project: 0, files: 1, bytes: 1, diskBytes: 1, newestMtimeMs: 1, digest: 0, doubt: undefined };
        const table = tableOf([{ ...found, sessionId: id }]);
        const packed = Buffer.alloc(40);
        table.packId(0, packed, at);
        expect(unpackedId(packed, at)).toBe(id);
        expect(table.findPacked(packed, at)).toBe(0);
        packId(missing, packed, at);
        expect(table.findPacked(packed, at)).toBeUndefined();
      }),
    );
  });

  it('holds more sessions than one piece of memory does', () => {
    const count = 40_000;
    const writer = new PartRecordWriter();
    for (let number = 1; number <= count; number += 1) {
      const measure = {
        files: 1,
        bytes: number,
        diskBytes: 1,
        newestMtimeMs: number,
        digest: number,
        doubt: undefined,
      };
      writer.add(sessionIdOf(number), TRANSCRIPT_FLAG, measure);
    }
    const table = new UnitTable(PROJECTS);
    table.add({ buffer: writer.buffer, count: writer.count, project: 1, place: undefined, irregular: [], links: [] });
    expect(table).toHaveLength(count);
    for (const number of [1, 8_192, 8_193, count])
      expect(table.bytes(table.find(sessionIdOf(number)) ?? -1)).toBe(number);
    expect(table.find(sessionIdOf(count + 1))).toBeUndefined();
  });

  it('names the parts whose names do not follow from the session, of whichever thread they come', () => {
    const found = (numbers: readonly number[], irregular: FoundRows['irregular']): FoundRows => {
      const writer = new PartRecordWriter();
      const measure = { files: 1, bytes: 1, diskBytes: 1, newestMtimeMs: 1, digest: 0, doubt: undefined };
      for (const number of numbers) writer.add(sessionIdOf(number), NO_FLAG, measure);
      const place = COMPANION_PLACES.findIndex(({ directory }) => directory[0] === 'todos');
      return { buffer: writer.buffer, count: writer.count, project: undefined, place, irregular, links: [] };
    };
    const entry = (row: number, name: string) => ({
      row,
      name: fixedName(name),
      kind: 'file' as const,
      isByHead: false,
    });
    const table = new UnitTable(PROJECTS);
    table.add(found([1, 2, 1], [entry(0, '1.json'), entry(1, '2.json'), entry(2, '1-agent.json')]));
    table.add(found([2], [entry(0, '2-agent.json')]));
    const partsOf = (number: number) => table.unit(table.find(sessionIdOf(number)) ?? -1).parts.map(partPath);
    expect(partsOf(1)).toEqual(['todos/1.json', 'todos/1-agent.json']);
    expect(partsOf(2)).toEqual(['todos/2.json', 'todos/2-agent.json']);
  });

  it('knows nothing of a row that is not there', () => {
    expect(() => tableOf([]).bytes(0)).toThrow('no unit in row 0');
  });
});
