/** Flags that do not go together, ids that are none, and keys that must match exactly. */

import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Place } from '../../support/place.ts';
import { ID, type InputCase } from './case.ts';

const OTHER_ID = ID.replace('abcd', 'dcba');

const CONFLICTS: readonly (readonly string[])[] = [
  ['--dry-run'],
  ['--json'],
  ['--job', 'purge-trash'],
  ['--allow-mass-removal'],
  ['--run-now', 'status'],
  ['status', '--run-now'],
  ['status', '--dry-run'],
  ['status', '--allow-mass-removal'],
  ['trash', 'list', '--dry-run'],
  ['trash', 'list', '--job', 'purge-trash'],
  ['trash', 'purge', '--run-now'],
  ['trash', 'restore', ID, '--dry-run'],
  ['sessions', 'drop', 'k', '--dry-run'],
  ['sessions', 'set', 'k', ID, '--run-now'],
  ['pin', ID, '--dry-run'],
  ['check-config', '--dry-run'],
  ['--run-now', '--job', 'prune'],
  ['--run-now', '--job', ''],
  ['--run-now', '--job', 'Prune-Transcripts'],
  ['--run-now', '--job', '*'],
  ['--run-now', '--job'],
  ['--run-now=yes'],
  ['--no-run-now'],
  ['--run-nwo'],
  ['-n'],
  ['--max-age'],
  ['statsu'],
  ['prune'],
  ['--run-now', 'now'],
  ['sessions', 'lst'],
  ['sessions', 'list', 'extra'],
  ['sessions', 'get'],
  ['sessions', 'get', 'a', 'b'],
  ['sessions', 'set', 'k'],
  ['sessions', 'set', 'k', ID, 'extra'],
  ['sessions', 'drop'],
  ['sessions', 'drop-issue', 'acme/app'],
  ['trash', 'restore'],
  ['trash', 'purge', ID],
  ['trash', 'empty'],
  ['pin'],
  ['unpin'],
  ['pins', ID],
  ['check-config', 'maxAge'],
  ['\u001b[31mstatus\nerror: all is lost'],
  ['--max-age\u001b[31m\nx=3d'],
];

const BAD_IDS: readonly string[] = [
  '',
  'x',
  '../../etc/passwd',
  '..',
  '.',
  '/',
  `../${ID}`,
  `${ID}/..`,
  `${ID}/`,
  `${ID}.jsonl`,
  ` ${ID}`,
  `${ID} `,
  `${ID}\n`,
  `\n${ID}`,
  ID.toUpperCase(),
  ID.replaceAll('-', ''),
  `{${ID}}`,
  `urn:uuid:${ID}`,
  ID.replace('a', 'g'),
  ID.replace('0', '０'),
  ID.replace('-', '–'),
  ID.slice(1),
  `${ID}0`,
  `${ID.slice(0, -1)}\u001b`,
  `${ID}\u2028`,
  `%${ID.slice(1)}`,
  '*',
  '%',
  "' OR 1=1 --",
  'x'.repeat(10_000),
  `${ID},${ID}`,
];

const ID_COMMANDS: readonly ((id: string) => readonly string[])[] = [
  (id) => ['sessions', 'set', 'forgejo:a:acme/app:1', id],
  (id) => ['trash', 'restore', id],
  (id) => ['pin', id],
  (id) => ['unpin', id],
  (id) => ['trash', 'restore', '--pin', ID, id],
];

const BAD_KEYS: readonly string[] = [
  '',
  'a\nb',
  'a\tb',
  '\u001b[31mred',
  'a\u007fb',
  'k\r',
  'x'.repeat(1_025),
  'x'.repeat(10_000),
];

/** Each of them is a key of its own; the template's map holds all of them. */
export const EXACT_KEYS: readonly string[] = [
  'a_1',
  'ab1',
  'A_1',
  'a%',
  'a\\',
  'a\\_1',
  "a'1",
  'a"1',
  'a_1 ',
  ' a_1',
  'é',
  'e\u0301',
  'É',
  'ß',
  'ss',
  '%',
  '_',
  'forgejo:a:acme/my_app:1',
  'forgejo:a:acme/myXapp:1',
  'forgejo:a:acme/My_App:1',
  'forgejo:a:acme/my_app:11',
  'forgejo:b:acme/my_app:1',
  'github:a:acme/my_app:1',
  'forgejo:a:other:acme/my_app:1',
  'forgejo:a:%:1',
  "'; DROP TABLE claude_sdk_sessions; --",
  '𝒳',
  '__proto__',
];

export function commandLineCases(): InputCase[] {
  return [
    ...CONFLICTS.map((args): InputCase => ({ name: `usage: ${JSON.stringify(args.join(' '))}`, args, codes: [64] })),
    ...badIds(),
    ...badKeys(),
    ...exactKeys(),
  ];
}

function badIds(): InputCase[] {
  return BAD_IDS.flatMap((id, index) => {
    const commands = [ID_COMMANDS[index % ID_COMMANDS.length], ID_COMMANDS[(index + 2) % ID_COMMANDS.length]];
    return commands.flatMap((command): InputCase[] => {
      if (command === undefined) return [];
      const args = command(id);
      return [
        {
          name: `id ${JSON.stringify(id.slice(0, 50))}: ${args.slice(0, 2).join(' ')}`,
          args,
          codes: [64],
          names: ['not a session id'],
        },
      ];
    });
  });
}

function badKeys(): InputCase[] {
  return BAD_KEYS.flatMap((key): InputCase[] => {
    const shown = JSON.stringify(key.slice(0, 20));
    return [
      { name: `key ${shown}: set`, args: ['sessions', 'set', key, ID], codes: [64], names: ['session key'] },
      { name: `key ${shown}: drop`, args: ['sessions', 'drop', key], codes: [64], names: ['session key'] },
      { name: `key ${shown}: get`, args: ['sessions', 'get', key], codes: [64, 65], names: ['session'] },
    ];
  });
}

/** @returns what is wrong with the map where exactly these keys are to be gone */
function leftWithout(place: Place, ...gone: readonly string[]): string[] {
  const left = keysIn(place);
  const wrong = EXACT_KEYS.filter((key) => left.has(key) === gone.includes(key));
  return wrong.map((key) => `the key ${JSON.stringify(key)} is ${left.has(key) ? 'still there' : 'gone'}`);
}

function keysIn({ stateDir }: Place): Set<unknown> {
  const database = new Database(join(stateDir, 'sessions.db'), { readonly: true });
  try {
    return new Set(database.prepare('SELECT key FROM claude_sdk_sessions').pluck().all());
  } finally {
    database.close();
  }
}

const MAP = /^state\/sessions\.db/;

function exactKeys(): InputCase[] {
  const dropIssue = (args: readonly string[], ...gone: readonly string[]): InputCase => {
    return {
      name: `good: drop-issue ${JSON.stringify(args)}`,
      args: ['sessions', 'drop-issue', ...args],
      codes: [0],
      mayChange: MAP,
      judge: (place) => leftWithout(place, ...gone),
    };
  };
  return [
    ...EXACT_KEYS.flatMap((key, index): InputCase[] => [
      {
        name: `good: drop ${JSON.stringify(key)}`,
        args: ['sessions', 'drop', '--', key],
        codes: [0],
        mayChange: MAP,
        judge: (place) => leftWithout(place, key),
      },
      {
        name: `good: get ${JSON.stringify(key)}`,
        args: ['--json', 'sessions', 'get', '--', key],
        codes: [0],
        shows: (stdout) => {
          const row = JSON.parse(stdout) as { key: string; sessionId: string };
          return row.key === key && row.sessionId === exactIdOf(index);
        },
      },
    ]),
    ...['a%1', 'a?1', 'A%', 'a__', 'Ab1', 'b1', '*', 'E\u0301', 'a_1\\'].map((key): InputCase => {
      return {
        name: `key that is not there: ${JSON.stringify(key)}`,
        args: ['sessions', 'drop', '--', key],
        codes: [65],
        names: ['no such key'],
        mayChange: MAP,
        judge: (place) => leftWithout(place),
      };
    }),
    {
      name: 'good: set replaces one key alone',
      args: ['sessions', 'set', 'a_1', OTHER_ID],
      codes: [0],
      mayChange: MAP,
      shows: () => true,
      judge: (place) => leftWithout(place),
    },
    {
      name: 'good: set of 1,024 characters',
      args: ['sessions', 'set', 'x'.repeat(1_024), OTHER_ID],
      codes: [0],
      mayChange: MAP,
    },
    dropIssue(['acme/my_app', '1'], 'forgejo:a:acme/my_app:1', 'forgejo:b:acme/my_app:1', 'github:a:acme/my_app:1'),
    dropIssue(['acme/my_app', '1', '--forge', 'github'], 'github:a:acme/my_app:1'),
    dropIssue(['acme/my_app', '1', '--forge', 'GitHub']),
    dropIssue(['acme/my%', '1']),
    dropIssue(['%', '1'], 'forgejo:a:%:1'),
    dropIssue(['acme/my_app', '_']),
    dropIssue(['acme/MY_APP', '1']),
    dropIssue(['my_app', '1']),
    dropIssue(['a:acme/my_app', '1']),
    dropIssue(['', '']),
  ];
}

/** The session of a key, by its place in the list. */
export function exactIdOf(index: number): string {
  return `00000000-0000-4000-8000-00000001${index.toString(16).padStart(4, '0')}`;
}
