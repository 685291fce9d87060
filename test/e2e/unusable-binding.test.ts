import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { copySqliteWithoutBinary, makeCrashingSqlite, makeInstallation } from '../support/installation.ts';
import { Place } from '../support/place.ts';
import { run } from '../support/process.ts';
import { makeClaudeDir } from '../support/tree.ts';

const { node } = process.versions;
const [nodeMajor] = node.split('.');

interface Unusable {
  readonly what: string;
  readonly words: string;
  readonly make?: (directory: string) => void;
}

/** What loading would end the process with differs between releases of Node; some have nothing of the kind. */
const CRASHES: Readonly<Record<string, Unusable>> = {
  20: {
    what: 'crashes Node 20',
    words: `better-sqlite3 13.2.0 would crash Node ${node}`,
    make: (directory) => makeCrashingSqlite(directory, { version: '13.2.0' }),
  },
  24: {
    what: 'aborts Node 24',
    words: `better-sqlite3 12.11.1 as it was built would abort Node ${node}`,
    make: (directory) => makeCrashingSqlite(directory, { version: '12.11.1', symbol: 'RemoveEnvironmentCleanupHook' }),
  },
};
const crash = CRASHES[nodeMajor ?? ''];

const UNUSABLE: readonly Unusable[] = [
  { what: 'is not installed', words: 'better-sqlite3 is not installed' },
  { what: 'has no binary', words: 'its binary is not there', make: copySqliteWithoutBinary },
  {
    what: 'has a binary that is none',
    words: `cannot be loaded by Node ${node}`,
    make: (directory) => {
      copySqliteWithoutBinary(directory);
      mkdirSync(join(directory, 'build/Release'), { recursive: true });
      writeFileSync(join(directory, 'build/Release/better_sqlite3.node'), 'not a binary');
    },
  },
  ...(crash === undefined ? [] : [crash]),
];

const COMMANDS: readonly (readonly string[])[] = [[], ['--run-now'], ['--run-now', '--dry-run', '--json'], ['doctor']];

const HOST = `
import { openResumeMap, SqliteSessionStore } from 'claude-session-sweeper';
const [, , directory] = process.argv;
const told = (act) => Promise.resolve().then(act).then(() => 'nothing', (error) => error.kind + ': ' + error.message);
console.log(JSON.stringify([
  await told(() => openResumeMap({ stateDir: directory })),
  await told(() => new SqliteSessionStore(directory + '/store.db')),
]));
`;

const ADVICE = '(run “npm .*” in /|install claude-session-sweeper)';

describe.each(UNUSABLE)('where better-sqlite3 $what', ({ words, make }) => {
  it('every command ends with one line that says what to do, and with the code after which nothing restarts it', async () => {
    const { directory, program } = makeInstallation(make);
    const place = new Place(directory);
    makeClaudeDir(place.claudeDir);
    for (const command of COMMANDS) {
      const args = [program, ...command, ...place.flags, '--listen', 'off'];
      const { stderr, ...ended } = await run(process.execPath, args);
      expect({ command, ...ended }).toEqual({ command, code: EXIT_CODES.config, signal: null, stdout: '' });
      expect(stderr).toMatch(new RegExp(`^claude-session-sweeper: .*: ${ADVICE}.*\n$`));
      expect(stderr).toContain(words);
      expect(existsSync(place.stateDir)).toBe(false);
    }
  });

  it('a host that uses the library is told the same', async () => {
    const { directory } = makeInstallation(make);
    const host = join(directory, 'host.mjs');
    writeFileSync(host, HOST);
    const { code, stdout, stderr } = await run(process.execPath, [host, directory]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const told of JSON.parse(stdout) as string[]) {
      expect(told).toMatch(new RegExp(`^config: .*: ${ADVICE}`));
      expect(told).toContain(words);
    }
  });
});
