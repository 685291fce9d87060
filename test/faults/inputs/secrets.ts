/** Secrets where none belongs: whatever is said of them, they are not. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InputCase } from './case.ts';

const SECRET = 'hunter2-correct-horse';
const URL_WITH_SECRET = `postgres://bot:${SECRET}@db.internal:5432/sessions`;
const TOKEN = `sk-ant-api03-${SECRET}`;

export function secretCases(): InputCase[] {
  const refused = (name: string, more: Partial<InputCase> & Pick<InputCase, 'args' | 'codes'>): InputCase => {
    return { name: `secret: ${name}`, secrets: [SECRET], ...more };
  };
  const file = (text: string): Pick<InputCase, 'prepare'> => ({
    prepare: ({ directory }) => writeFileSync(join(directory, 'config'), text),
  });
  const config = ['check-config', '--config', '{place}/config'];
  return [
    refused('as a database', {
      args: ['check-config', '--sessions-db', URL_WITH_SECRET],
      codes: [78],
      names: ['--sessions-db', 'db.internal'],
    }),
    refused('as a database in the environment', {
      args: ['check-config'],
      environment: { SWEEPER_SESSIONS_DB: URL_WITH_SECRET },
      codes: [78],
      names: ['SWEEPER_SESSIONS_DB'],
    }),
    refused('as a database in a file', {
      args: config,
      ...file(`sessions:\n  db: "${URL_WITH_SECRET}"\n`),
      codes: [78],
      names: ['sessions.db'],
    }),
    refused('with an @ in it', {
      args: ['check-config', '--sessions-db', `postgres://bot:p@${SECRET}/@x@db/y`],
      codes: [78],
      names: ['--sessions-db'],
    }),
    refused('as a connection string', {
      args: ['check-config', '--sessions-db', `host=db password=${SECRET} user=bot`],
      codes: [78],
      names: ['--sessions-db'],
    }),
    refused('as a parameter', {
      args: ['check-config', '--sessions-db', `postgres://db/x?user=bot&password=${SECRET}`],
      codes: [78],
      names: ['--sessions-db'],
    }),
    refused('as a retention', { args: ['check-config', '--max-age', TOKEN], codes: [78], names: ['--max-age'] }),
    refused('as a configuration file', {
      args: ['check-config', '--config', URL_WITH_SECRET],
      codes: [78],
      names: ['--config'],
    }),
    refused('as a setting that is none', {
      args: config,
      ...file(`"${URL_WITH_SECRET}": 1\n`),
      codes: [78],
      names: ['{place}/config'],
    }),
    refused('in a list of projects', {
      args: ['check-config', '--projects', `[{"match":"a","url":"${URL_WITH_SECRET}"}]`],
      codes: [78],
      names: ['--projects'],
    }),
    refused('as an unknown command', { args: [URL_WITH_SECRET], codes: [64], names: ['unknown command'] }),
    refused('as an unknown flag', {
      args: ['check-config', `--database=${URL_WITH_SECRET}`],
      codes: [64],
      names: ['--database'],
    }),
    refused('as a job', { args: ['--run-now', '--job', URL_WITH_SECRET], codes: [64], names: ['--job'] }),
    refused('as an id', { args: ['pin', URL_WITH_SECRET], codes: [65], names: ['is no session here'] }),
    refused('as a token for an id', {
      args: ['trash', 'restore', TOKEN],
      codes: [65],
      names: ['is no session in the trash'],
    }),
    refused('as a key', { args: ['map', 'get', URL_WITH_SECRET], codes: [65], names: ['no such key'] }),
    refused('as a key with controls', {
      args: ['map', 'set', `${URL_WITH_SECRET}\u0007`, 'x'],
      codes: [64],
      names: ['control characters'],
    }),
    refused('in sessions.json', {
      args: ['map', 'list'],
      prepare: ({ stateDir }) =>
        writeFileSync(join(stateDir, 'sessions.json'), `{"${URL_WITH_SECRET}":1,"${URL_WITH_SECRET}":2}`),
      codes: [65],
      names: ['{state}/sessions.json'],
    }),
    refused('as a place of the database', {
      args: ['map', 'list'],
      environment: { SWEEPER_SESSIONS_DB: `/srv/none/bot:${SECRET}@db` },
      codes: [69],
      names: ['open database'],
    }),
    refused('as a Claude directory', {
      args: ['trash', 'list'],
      environment: { SWEEPER_CLAUDE_DIR: `{place}/password=${SECRET}` },
      codes: [73],
      names: ['open Claude directory'],
    }),
  ];
}
