/** Odd things in the state directory: what is only history is begun anew, and what says who is live is waited for. */

import { chmodSync, lchownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { setUp } from '../resources/mounts.ts';
import { STRANGER } from '../resources/owners.ts';
import type { TroubledPlace } from '../resources/place.ts';
import type { Shape } from './shape.ts';

function replaceLedger(place: TroubledPlace): string {
  const path = join(place.stateDir, 'ledger.db');
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  return path;
}

const begunAnew: readonly Shape[] = (['garbage', 'empty', 'cut off in a page'] as const).map((what) => ({
  name: `a ledger that is ${what}`,
  isShort: what === 'garbage',
  make: (place) => {
    const path = join(place.stateDir, 'ledger.db');
    if (what === 'cut off in a page') setUp('truncate', '-s', '10000', path);
    else writeFileSync(replaceLedger(place), what === 'garbage' ? 'x'.repeat(10_000) : '');
    return { otherCodes: [0, 65, 69] };
  },
}));

const harmless: readonly Shape[] = [
  {
    name: 'strange files, names and directories in the state directory',
    isShort: true,
    make: (place) => {
      const at = (name: string) => join(place.stateDir, name);
      mkdirSync(at('odd'));
      setUp('mkfifo', at('fifo'));
      symlinkSync('nowhere', at('link'));
      writeFileSync(Buffer.concat([Buffer.from(`${place.stateDir}/`), Buffer.from([0xff, 0xfe])]), '');
      return { stays: [at('odd'), at('fifo'), at('link')] };
    },
  },
  {
    name: 'strange things among the pins',
    isShort: true,
    make: (place) => {
      const pins = join(place.stateDir, 'pins');
      mkdirSync(pins, { recursive: true, mode: 0o700 });
      mkdirSync(join(pins, 'a directory'));
      setUp('mkfifo', join(pins, 'fifo'));
      symlinkSync('nowhere', join(pins, 'link'));
      writeFileSync(join(pins, 'n'.repeat(255)), '');
      return {};
    },
  },
];

const refused: readonly Shape[] = [
  {
    name: 'a ledger of a later version',
    isShort: true,
    make: (place) => {
      const database = new Database(join(place.stateDir, 'ledger.db'));
      const { name } = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%version INTEGER PRIMARY KEY%'")
        .get() as { name: string };
      database.prepare(`INSERT INTO ${name} VALUES (99, 0)`).run();
      database.close();
      return { only: 'refused', codes: [65], named: /version 99/ };
    },
  },
  {
    name: 'a ledger that is a directory',
    isShort: true,
    make: (place) => {
      mkdirSync(replaceLedger(place));
      return { only: 'refused', codes: [65, 69, 74], named: /ledger\.db/ };
    },
  },
  {
    name: 'a state directory that others may write, and a worker that is root',
    isShort: true,
    make: (place) => {
      chmodSync(place.stateDir, 0o777);
      return { only: 'refused', codes: [73], named: /chmod go-w/ };
    },
  },
  {
    name: "a lock of the ledger that leads into another user's directory",
    isShort: true,
    make: (place) => {
      writeFileSync(replaceLedger(place), 'garbage'.repeat(1_000));
      const link = join(place.stateDir, 'ledger.lock');
      symlinkSync(join(place.directory, 'made-by-root'), link);
      lchownSync(link, STRANGER, STRANGER);
      return { only: 'refused', codes: [73], named: /rm .*ledger\.lock/, stays: [link] };
    },
  },
];

export const STATE_SHAPES: readonly Shape[] = [...begunAnew, ...harmless, ...refused];
