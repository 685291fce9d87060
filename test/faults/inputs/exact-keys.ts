/** Keys that must match exactly, as a shell hands them in: no case, no wildcard and no accent makes one of them another. */

import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Place } from '../../support/place.ts';
import { ID, type InputCase } from './case.ts';

const OTHER_ID = ID.replace('abcd', 'dcba');

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

export function exactKeyCases(): InputCase[] {
  const dropIssue = (args: readonly string[], ...gone: readonly string[]): InputCase => {
    return {
      name: `good: drop-issue ${JSON.stringify(args)}`,
      args: ['map', 'drop-issue', ...args],
      codes: [0],
      mayChange: MAP,
      judge: (place) => leftWithout(place, ...gone),
    };
  };
  return [
    ...EXACT_KEYS.flatMap((key, index): InputCase[] => [
      {
        name: `good: drop ${JSON.stringify(key)}`,
        args: ['map', 'drop', '--', key],
        codes: [0],
        mayChange: MAP,
        judge: (place) => leftWithout(place, key),
      },
      {
        name: `good: get ${JSON.stringify(key)}`,
        args: ['--json', 'map', 'get', '--', key],
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
        args: ['map', 'drop', '--', key],
        codes: [65],
        names: ['no such key'],
        mayChange: MAP,
        judge: (place) => leftWithout(place),
      };
    }),
    {
      name: 'good: set replaces one key alone',
      args: ['map', 'set', 'a_1', OTHER_ID],
      codes: [0],
      mayChange: MAP,
      shows: () => true,
      judge: (place) => leftWithout(place),
    },
    {
      name: 'good: set of 1,024 characters',
      args: ['map', 'set', 'x'.repeat(1_024), OTHER_ID],
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
