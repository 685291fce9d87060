/** One round of what the installed program does: a prune of a whole tree, alone or amid every command, the daemon, the library. */

import { existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errorMessage } from '../../src/errors.ts';
import { freshDirectory, Place } from '../support/place.ts';
import { addressOf, type Exit, killed, run, start } from '../support/process.ts';
import { DAY_MS, type MadeSession, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';

/** What is tried: a program under a Node. */
export interface Tried {
  readonly executable: string;
  readonly program: string;
  /** The directory from which a host imports the library. */
  readonly hostDirectory: string;
}

/** A tree that each round prunes a copy of. */
export interface Template {
  readonly claudeDir: string;
  readonly sessions: readonly MadeSession[];
}

/** By default. */
const RETENTION_MS = 30 * DAY_MS;
/** In the directory of the round. */
const PLAN_FILE = 'plan.json';
const KEY = 'forgejo:architect:acme/app:12';

interface Step {
  readonly args: readonly string[];
  /** Without it, 0. */
  readonly codes?: readonly number[];
}

export interface Round {
  readonly steps: readonly Step[];
  /** How many of the expired sessions are there after it. */
  readonly expiredKept: number;
}

export const PRUNE: Round = { steps: [{ args: ['--run-now'] }], expiredKept: 0 };

/** @returns every command, in an order in which each has something to do; a live, a pinned and a restored session are kept */
export function everyCommand({ sessions }: Template): Round {
  const expired = sessions.filter(isExpired);
  const [live = '', pinned = '', gone = ''] = expired.map(({ id }) => id);
  const steps: Step[] = [
    { args: ['check-config'] },
    { args: ['check-config', '--schema'] },
    { args: ['completion', 'bash'] },
    { args: ['complete', '--', 'why', '0000'] },
    { args: ['manual'] },
    { args: ['doctor'], codes: [0, 1] },
    { args: ['adopt', '--yes'] },
    { args: ['adopt', '--undo', '--yes'] },
    { args: ['map', 'set', KEY, live] },
    { args: ['map', 'get', KEY] },
    { args: ['map', 'list'] },
    { args: ['pin', pinned] },
    { args: ['pins'] },
    { args: ['list', '--project', '-srv-app-1', '--older-than', '1d', '--sort', 'title'] },
    { args: ['remove', '--title', 'no such title', '--yes'] },
    { args: ['--run-now', '--dry-run'] },
    { args: ['run', '--dry-run'] },
    { args: ['daemon', '--help'] },
    { args: ['remove', '--help'] },
    { args: ['list', '--going'] },
    { args: ['upcoming'] },
    { args: ['why', live] },
    { args: ['status'] },
    { args: ['plan', '--out', PLAN_FILE] },
    { args: ['apply', PLAN_FILE, '--dry-run'] },
    { args: ['--run-now'] },
    // All that it names has gone.
    { args: ['apply', PLAN_FILE], codes: [74] },
    { args: ['history'] },
    { args: ['history', '--session', gone] },
    { args: ['history', 'verify'] },
    { args: ['history', 'export'] },
    { args: ['map', 'swept'] },
    { args: ['map', 'restore', '--last-run'] },
    { args: ['trash', 'list'] },
    { args: ['trash', 'restore', gone] },
    { args: ['trash', 'restore', '--title', 'no such title'] },
    { args: ['trash', 'empty', '--title', 'no such title', '--yes'] },
    { args: ['trash', 'purge'] },
    { args: ['trash', 'empty', '--yes'] },
    { args: ['unpin', pinned] },
    { args: ['store', 'adopt', 'none', '--yes'], codes: [64] },
    { args: ['migrate', '--from', 'sqlite:state/sessions.db', '--to', 'sqlite:copied.db'] },
    { args: ['map', 'drop', KEY] },
    { args: ['map', 'drop-issue', 'acme/app', '12'] },
  ];
  return { steps, expiredKept: 3 };
}

/** Makes sessions of all ages up to twice the retention, none of which is within half a day of it. */
export function makeTemplate(claudeDir: string, count: number): Template {
  makeClaudeDir(claudeDir);
  const sessions = Array.from({ length: count }, (_, number) => {
    const ageMs = ((number % 60) + 0.5) * DAY_MS;
    return makeSession(claudeDir, { id: sessionIdOf(number), project: `-srv-app-${number % 40}`, ageMs });
  });
  return { claudeDir, sessions };
}

function isExpired({ mtimeMs }: MadeSession): boolean {
  return mtimeMs < Date.now() - RETENTION_MS;
}

/** @returns one sentence for each thing that went wrong */
export async function roundFailures(
  tried: Tried,
  { steps, expiredKept }: Round,
  template: Template,
  directory: string,
): Promise<string[]> {
  const place = new Place(directory);
  const copied = await run('cp', ['-a', template.claudeDir, place.claudeDir]);
  if (copied.code !== 0) return [copied.stderr];
  const failures: string[] = [];
  for (const { args, codes = [0] } of steps) {
    const exit = await run(tried.executable, [tried.program, ...place.flags, ...args], { cwd: place.directory });
    if (exit.code === null || !codes.includes(exit.code)) failures.push(`${args.join(' ')} ${endOf(exit)}`);
  }
  return [
    ...failures,
    ...misplaced(place, template, expiredKept),
    ...(await daemonFailures(tried, place)),
    ...(await hostFailures(tried, place)),
  ];
}

function endOf({ code, signal, stdout, stderr }: Exit): string {
  return `ended with ${code ?? signal}: ${`${stdout}\n${stderr}`.trim().slice(-600)}`;
}

/** After the prune, and the restore of one: the expired are gone, but for those that are to be kept; no other is. */
function misplaced(place: Place, { sessions }: Template, expiredKept: number): string[] {
  const left = sessions.filter(({ files }) => existsSync(place.at(files[0] ?? '')));
  const expired = left.filter(isExpired).length;
  const expected = sessions.filter((session) => !isExpired(session)).length + expiredKept;
  if (expired === expiredKept && left.length === expected) return [];
  return [`a prune left ${left.length} sessions, not ${expected}, and ${expired} expired ones, not ${expiredKept}`];
}

async function daemonFailures({ executable, program }: Tried, { flags }: Place): Promise<string[]> {
  const daemon = start(executable, [program, ...flags, '--listen', '127.0.0.1:0']);
  try {
    const scraped = await (await fetch(`${await addressOf(daemon)}/metrics`)).text();
    daemon.kill('SIGTERM');
    const exit = await daemon.exit;
    return [
      ...(scraped.includes('session_sweeper_') ? [] : ['the daemon shows no metrics of its own']),
      ...(exit.code === 0 ? [] : [`the daemon ${endOf(exit)}`]),
    ];
  } catch (error) {
    return [errorMessage(error)];
  } finally {
    await killed(daemon);
  }
}

const HOST = `
async function main({ openResumeMap, SqliteSessionStore }, { PostgresSessionStore }, directory) {
  const map = await openResumeMap({ stateDir: directory });
  const idOf = (number) => '00000000-0000-4000-8000-' + String(number).padStart(12, '0');
  for (let number = 0; number < 25; number += 1) {
    await map.setSession('forgejo:architect:acme/app:' + number, idOf(number));
    const id = await map.getSession('forgejo:architect:acme/app:' + number);
    if (id !== idOf(number)) throw new Error('set ' + number + ', got ' + id);
  }
  await map.close();
  new SqliteSessionStore(directory + '/store.db').close();
  // Nobody listens there; the driver, which is optional, is loaded for it all the same.
  const store = new PostgresSessionStore('postgres://nobody@127.0.0.1:1/none');
  const listed = await store.listSessions('-srv-app').catch((error) => error.message);
  if (!String(listed).includes('ECONNREFUSED')) throw new Error(String(listed));
  await store.close();
}
`;
/** The ways in which a host takes the library in, by the name of its script. */
const HOSTS: Readonly<Record<string, string>> = {
  'host.mjs': `import * as library from 'claude-session-sweeper';
import * as postgres from 'claude-session-sweeper/postgres';${HOST}await main(library, postgres, process.argv[2]);\n`,
  'host.cjs': `${HOST}main(require('claude-session-sweeper'), require('claude-session-sweeper/postgres'), process.argv[2]);\n`,
};

async function hostFailures({ executable, hostDirectory }: Tried, { directory }: Place): Promise<string[]> {
  const failures: string[] = [];
  for (const [name, source] of Object.entries(HOSTS)) {
    // Rounds go on side by side, so each has scripts of its own, which find the package above them.
    const script = join(freshDirectory(hostDirectory, basename(directory)), name);
    writeFileSync(script, source);
    // Older releases warn whoever requires an ES module.
    const exit = await run(executable, ['--disable-warning=ExperimentalWarning', script, join(directory, name)]);
    if (exit.code !== 0 || exit.stderr !== '') failures.push(`${name}, which uses the library, ${endOf(exit)}`);
  }
  return failures;
}

/** @returns commands of the program that no step calls, so that none is forgotten */
export async function commandsNotTried({ executable, program }: Tried, template: Template): Promise<string[]> {
  const tried = everyCommand(template).steps.map(({ args }) => args.join(' '));
  const commands = await commandsIn([executable, program], '');
  return commands
    .filter((command) => !tried.some((line) => `${line} `.startsWith(`${command} `)))
    .map((command) => `no step of a round calls ${command}`);
}

async function commandsIn([executable = '', program = '']: readonly string[], group: string): Promise<string[]> {
  const { stdout } = await run(executable, [program, ...(group === '' ? [] : [group]), '--help']);
  const listed = stdout.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? '';
  const names = Array.from(listed.matchAll(/^ {2}(\S+)/gm), ([, name = '']) => name).filter((name) => name !== 'help');
  if (group !== '') return names.map((name) => `${group} ${name}`);
  const found = await Promise.all(
    names.map(async (name) => {
      const below = await commandsIn([executable, program], name);
      return below.length === 0 ? [name] : below;
    }),
  );
  return found.flat();
}
