/** Old hosts' `sessions.json`, of wrong shapes and of right ones, whichever command comes across it first. */

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
const REALISTIC = `${JSON.stringify(
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

/** One of each kind; what else is malformed, the tests of the import itself list. */
const BROKEN: Readonly<Record<string, string | Buffer>> = {
  'nothing at all': '',
  'half of a document': REALISTIC.slice(0, REALISTIC.length / 2),
  'a list': '[]',
  'two objects': '{}{}',
  'a byte order mark': `\uFEFF${REALISTIC}`,
  'UTF-16': Buffer.from(REALISTIC, 'utf16le'),
  'zeros alone': Buffer.alloc(500),
  'a null row': row('null'),
  'an id that is a path': entry('../../etc/passwd'),
  'a time that is a text': entry(ID, '1790000000000'),
  'a key twice': `{"a":"${ID}","a":"${id(1)}"}`,
  'a key named __proto__': `{"__proto__":"${ID}"}`,
  'a field named __proto__': row(`{"__proto__":{},"id":"${ID}","last_used_at":1}`),
  'a good row before a bad one': `{"a":"${ID}","b":null}`,
  'objects very deep': '{"a":'.repeat(100_000),
};

const COMMANDS: readonly (readonly string[])[] = [
  ['map', 'list'],
  ['map', 'set', 'k', ID],
  ['--run-now'],
  ['--run-now', '--dry-run'],
  ['--listen', 'off'],
];

export function sessionsJsonCases(): InputCase[] {
  return [
    ...Object.entries(BROKEN).flatMap(([name, text]) =>
      COMMANDS.flatMap((args) => [true, false].map((hasMap) => refused(name, text, args, hasMap))),
    ),
    ...fileKinds(),
    ...whole(),
  ];
}

/** @param hasMap whether there is a resume map already; what is made anew must be empty */
function refused(name: string, text: string | Buffer, args: readonly string[], hasMap: boolean): InputCase {
  return {
    name: `sessions.json: ${name}${hasMap ? '' : ', and no map yet'}: ${args.join(' ')}`,
    ...answered(args),
    prepare: (place) => {
      writeFileSync(join(place.stateDir, 'sessions.json'), text);
      if (!hasMap) dropDatabase(place);
    },
    ...(hasMap ? {} : { mayChange: /^state\/((sessions|ledger)\.db|reserve(\/|$))|^claude\/session-sweeper(\/|$)/ }),
    judge: (place) => (hasMap ? [] : importedRows(place)),
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
    args: ['map', 'set', 'k', ID],
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
