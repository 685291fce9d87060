/** Old hosts' `sessions.json`: cut at every byte, of every wrong shape, and of the right ones. */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Place } from '../../support/place.ts';
import { ID, type InputCase, RECORDED } from './case.ts';

const id = (number: number) => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;

/** As a host of the second generation wrote it, with what the first left in it. */
export const REALISTIC = `${JSON.stringify(
  {
    'foreman:acme/my_app:12': id(1),
    'reviewer:acme/my_app:12': { id: id(2), last_used_at: 1_790_000_000_000 },
    'forgejo:architect:acme/größe:7': { id: id(3), last_used_at: 1_790_000_000_001 },
    'github:foreman:acme/app:9': { id: id(4), last_used_at: 0, note: 'a "quoted" \\ note\n' },
    'a key of its own': { id: id(5), last_used_at: 1_790_000_000_002, pinned: true, extra: null, size: 1.5 },
  },
  undefined,
  2,
)}\n`;

const REALISTIC_ROWS: Readonly<Record<string, string>> = {
  'forgejo:architect:acme/my_app:12': id(1),
  'forgejo:reviewer:acme/my_app:12': id(2),
  'forgejo:architect:acme/größe:7': id(3),
  'github:architect:acme/app:9': id(4),
  'a key of its own': id(5),
};

const row = (value: string) => `{"forgejo:a:acme/app:1":${value}}`;
const entry = (sessionId: unknown, lastUsedAt: unknown = 1_790_000_000_000) =>
  row(JSON.stringify({ id: sessionId, last_used_at: lastUsedAt }));

const BROKEN: Readonly<Record<string, string | Buffer>> = {
  'a list': '[]',
  'a list of rows': `[${JSON.stringify({ id: ID })}]`,
  null: 'null',
  'a text': '"sessions"',
  'a number': '1',
  'two objects': '{}{}',
  'text after it': '{} x',
  'a trailing comma': `{"a":"${ID}",}`,
  'no comma': `{"a":"${ID}" "b":"${ID}"}`,
  'a comment': `{/* old */"a":"${ID}"}`,
  'a comment at its end': `{"a":"${ID}"} // old`,
  'single quotes': `{'a':'${ID}'}`,
  'a bare key': `{a:"${ID}"}`,
  'a byte order mark': `\uFEFF${REALISTIC}`,
  'a byte order mark after a space': ` \uFEFF${REALISTIC}`,
  'UTF-16': Buffer.from(REALISTIC, 'utf16le'),
  'Latin-1': Buffer.from(REALISTIC, 'latin1'),
  'a NUL at its end': `${REALISTIC}\0`,
  'zeros alone': Buffer.alloc(500),
  'a null row': row('null'),
  'a row that is true': row('true'),
  'a row that is a number': row('12'),
  'a row that is a list': row('["x"]'),
  'a row of nothing': row('{}'),
  'a null id': entry(null),
  'an id that is a number': entry(12),
  'an id that is a list': entry([ID]),
  'an id that is an object': entry({ id: ID }),
  'an empty id': entry(''),
  'an id in upper case': entry(ID.toUpperCase()),
  'an id that is a path': entry('../../etc/passwd'),
  'an id with a newline': entry(`${ID}\n`),
  'an id of 10 kB': entry('x'.repeat(10_000)),
  'a text that is no id': row('"../../x"'),
  'a time that is a text': entry(ID, '1790000000000'),
  'a null time': entry(ID, null),
  'no time': row(`{"id":"${ID}"}`),
  'no id': row('{"last_used_at":1790000000000}'),
  'a negative time': entry(ID, -1),
  'a time with a fraction': entry(ID, 1.5),
  'a time beyond all numbers': row(`{"id":"${ID}","last_used_at":1e400}`),
  'a time that is NaN': row(`{"id":"${ID}","last_used_at":NaN}`),
  'a time in hexadecimal': row(`{"id":"${ID}","last_used_at":0x10}`),
  'a time with a zero before it': row(`{"id":"${ID}","last_used_at":01}`),
  'a time that is too large': row(`{"id":"${ID}","last_used_at":9007199254740993}`),
  'a key twice': `{"a":"${ID}","a":"${id(1)}"}`,
  'a key twice, once escaped': `{"a":"${ID}","\\u0061":"${id(1)}"}`,
  'a field twice': row(`{"id":"${ID}","id":"${id(1)}","last_used_at":1}`),
  'a key named __proto__': `{"__proto__":"${ID}"}`,
  'a field named __proto__': row(`{"__proto__":{},"id":"${ID}","last_used_at":1}`),
  'an empty key': `{"":"${ID}"}`,
  'a key with a newline': `{"a\\nb":"${ID}"}`,
  'a key with a raw newline': `{"a\nb":"${ID}"}`,
  'a key of 10 kB': `{"${'x'.repeat(10_000)}":"${ID}"}`,
  'a key that is half a character': `{"\\ud83d":"${ID}"}`,
  'a good row before a bad one': `{"a":"${ID}","b":null}`,
  'a bad row before a good one': `{"a":null,"b":"${ID}"}`,
  'objects too deep': row('{"id":{"id":{}}}'),
  'objects very deep': '{"a":'.repeat(100_000),
  'lists very deep': '['.repeat(100_000),
};

const COMMANDS: readonly (readonly string[])[] = [
  ['sessions', 'list'],
  ['sessions', 'set', 'k', ID],
  ['--run-now'],
  ['--run-now', '--dry-run'],
  ['--listen', 'off'],
];

export function sessionsJsonCases(): InputCase[] {
  return [
    ...Object.entries(BROKEN).map(([name, text], index) => refused(name, text, index)),
    ...fileKinds(),
    ...whole(),
  ];
}

/** Every beginning of the realistic file, byte by byte. */
export function cutCases(): InputCase[] {
  const bytes = Buffer.from(REALISTIC);
  // The last byte is the line end, without which the document is whole all the same.
  return Array.from({ length: bytes.length - 1 }, (_, length) =>
    refused(`cut after ${length} of ${bytes.length} bytes`, bytes.subarray(0, length), length),
  );
}

function refused(name: string, text: string | Buffer, turn: number): InputCase {
  const args = COMMANDS[turn % COMMANDS.length] ?? [];
  return {
    name: `sessions.json: ${name}: ${args.join(' ')}`,
    ...answered(args),
    prepare: (place) => {
      writeFileSync(join(place.stateDir, 'sessions.json'), text);
      // Every other time there is no database yet: what is made then must be empty.
      if (turn % 2 === 0) dropDatabase(place);
    },
    ...(turn % 2 === 0 ? { mayChange: /^state\/(sessions|ledger)\.db|^claude\/session-sweeper(\/|$)/ } : {}),
    judge: (place) => (turn % 2 === 0 ? importedRows(place) : []),
  };
}

function answered(args: readonly string[]): Pick<InputCase, 'args' | 'codes' | 'names' | 'isRun' | 'mayChange'> {
  const isRun = args.includes('--run-now');
  const mayChange = isRun && !args.includes('--dry-run') ? { mayChange: RECORDED } : {};
  const lock = args.length === 2 && args[0] === '--listen' ? { mayChange: RECORDED } : {};
  return { args, codes: [65], names: ['{state}/sessions.json'], isRun, ...mayChange, ...lock };
}

function dropDatabase({ stateDir }: Place): void {
  for (const name of readdirSync(stateDir)) if (name.startsWith('sessions.db')) rmSync(join(stateDir, name));
}

function importedRows({ stateDir }: Place): string[] {
  const rows = Object.keys(rowsOf(stateDir));
  return rows.length === 0 ? [] : [`${rows.length} rows are imported: ${rows.join(', ').slice(0, 200)}`];
}

function rowsOf(stateDir: string): Record<string, string> {
  if (!existsSync(join(stateDir, 'sessions.db'))) return {};
  const database = new Database(join(stateDir, 'sessions.db'), { readonly: true });
  try {
    const rows = database.prepare('SELECT key, session_id FROM claude_sdk_sessions').raw().all() as [string, string][];
    return Object.fromEntries(rows);
  } finally {
    database.close();
  }
}

function fileKinds(): InputCase[] {
  const at = ({ stateDir }: Place) => join(stateDir, 'sessions.json');
  const kinds: Readonly<Record<string, (place: Place) => void>> = {
    'that is a directory': (place) => mkdirSync(at(place)),
    'that is a symlink': (place) => {
      writeFileSync(join(place.directory, 'elsewhere.json'), REALISTIC);
      symlinkSync(join(place.directory, 'elsewhere.json'), at(place));
    },
    'that is a symlink to nothing': (place) => symlinkSync('nothing', at(place)),
    'of 500 MB': (place) => {
      writeFileSync(at(place), '{}');
      truncateSync(at(place), 500 * 2 ** 20);
    },
  };
  return Object.entries(kinds).flatMap(([name, prepare]) =>
    COMMANDS.slice(0, 3).map(
      (args): InputCase => ({ name: `sessions.json: ${name}: ${args.join(' ')}`, ...answered(args), prepare }),
    ),
  );
}

function whole(): InputCase[] {
  const imported = (name: string, text: string, expected: Readonly<Record<string, string>>): InputCase => ({
    name: `good: sessions.json: ${name}`,
    args: ['sessions', 'set', 'k', ID],
    codes: [0],
    prepare: (place) => {
      dropDatabase(place);
      writeFileSync(join(place.stateDir, 'sessions.json'), text);
    },
    mayChange: /^state\/sessions\./,
    judge: ({ stateDir }) => {
      const wanted = JSON.stringify(Object.entries({ ...expected, k: ID }).sort());
      const rows = JSON.stringify(Object.entries(rowsOf(stateDir)).sort());
      const backup = join(stateDir, 'sessions.json.bak');
      const isKept =
        existsSync(backup) && readFileSync(backup, 'utf8') === text && !existsSync(join(stateDir, 'sessions.json'));
      return [
        ...(rows === wanted ? [] : [`the rows are ${rows}`]),
        ...(isKept ? [] : ['the file is not set aside as it was']),
      ];
    },
  });
  return [
    imported('a realistic one', REALISTIC, REALISTIC_ROWS),
    imported('without its last line end', REALISTIC.trimEnd(), REALISTIC_ROWS),
    imported('an empty one', '{}', {}),
    imported('with spaces around', ' \t\r\n{ } \n', {}),
    imported(
      'with a key that gets the name of another',
      `{"foreman:a/b:1":"${id(1)}","forgejo:architect:a/b:1":"${id(2)}"}`,
      { 'forgejo:architect:a/b:1': id(2) },
    ),
    imported('with a time of 0', row(`{"id":"${ID}","last_used_at":0}`), { 'forgejo:a:acme/app:1': ID }),
    imported('with a time in an exponent', row(`{"id":"${ID}","last_used_at":179e10}`), { 'forgejo:a:acme/app:1': ID }),
    imported('with an escaped id', row(`"\\u0030${ID.slice(1)}"`), { 'forgejo:a:acme/app:1': ID }),
    imported('with keys that numbers would sort', `{"2":"${id(2)}","1":"${id(1)}"}`, { 1: id(1), 2: id(2) }),
  ];
}
