/**
 * Runs the units of `deploy/systemd` in a real systemd, as an operator does: `npm run test:systemd`, as root, with Debian's
 * systemd-container. With `--where-possible`, a machine that lets nobody boot a container is passed over, and that is said.
 */

import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorMessage } from '../../src/errors.ts';
import { Npm } from '../nodes/npm.ts';
import { pack } from '../nodes/packed.ts';
import { freshDirectory } from '../support/place.ts';
import { REPOSITORY } from '../support/process.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { BootedSystemd, release, succeed } from './booted.ts';
import { tryHalfHour } from './half-hour.ts';

const USER = 'bot';
const USER_ID = 4_711;
const HOME = `/home/${USER}`;
const DAEMON = `claude-session-sweeper@${USER}.service`;
const ONCE = `claude-session-sweeper-once@${USER}.service`;
const TRASH = `${HOME}/.claude/session-sweeper/trash`;
const CONFIG = `${HOME}/.config/claude-session-sweeper/config.yaml`;
const KEPT_IDS = `${HOME}/.claude/wanted.txt`;
/** For the unit as it is, but that it does not wait for half a minute before it starts anew, nor for minutes until it is taken for hung. */
const IMPATIENT = '[Service]\nRestartSec=100ms\nWatchdogSec=3s\n';

const { values } = parseArgs({ options: { 'where-possible': { type: 'boolean', default: false } } });
const work = mkdtempSync(join(tmpdir(), 'sweeper-systemd-'));
const passed: string[] = [];
let booted: BootedSystemd | undefined;
try {
  booted = await boot();
} catch (error) {
  await takeAway().catch(() => undefined);
  console.log(`systemd: NOT RUN, since no container can be booted here: ${errorMessage(error)}`);
  process.exit(values['where-possible'] ? 0 : 1);
}
try {
  for (const [promise, check] of Object.entries(checks())) {
    await check(booted);
    passed.push(promise);
    console.log(`… ${promise}`);
  }
} catch (error) {
  console.error(`systemd FAILED: ${errorMessage(error)}`);
  console.error((await booted.run('journalctl', '--quiet', '--no-pager', '--lines=40')).stdout);
  process.exitCode = 1;
} finally {
  await booted.close();
  await takeAway();
}
try {
  for (const heading of await tryHalfHour(freshDirectory(tmpdir(), `${basename(work)}-half-hour`))) {
    passed.push(heading);
    console.log(`… the half hour: ${heading}`);
  }
} catch (error) {
  console.error(`systemd FAILED: ${errorMessage(error)}`);
  process.exitCode = 1;
}
console.log(`systemd: ${passed.length} passed, ${process.exitCode === 1 ? 1 : 0} failed`);

/** Nothing is removed through a mount that has stayed. */
async function takeAway(): Promise<void> {
  await release(join(work, 'container'));
  rmSync(work, { recursive: true, force: true });
}

async function boot(): Promise<BootedSystemd> {
  const tarball = await pack(new Npm(join(work, 'npm-cache')), work);
  const container = join(work, 'container');
  mkdirSync(container);
  return BootedSystemd.boot(container, async (root) => {
    await succeed('chroot', [root, 'useradd', '--create-home', `--uid=${USER_ID}`, USER]);
    // A user of a service does not reach what lies in the home of root.
    copyFileSync(process.execPath, join(root, 'usr/bin/node'));
    const npm = new Npm(join(work, 'npm-cache'));
    await npm.run(['install', '--global', `--prefix=${join(root, 'usr')}`, tarball], { directory: work });
    const units = join(REPOSITORY, 'deploy/systemd');
    for (const name of readdirSync(units).filter((unit) => unit.includes('@'))) {
      copyFileSync(join(units, name), join(root, 'etc/systemd/system', name));
    }
    for (let number = 1; number <= 3; number += 1) {
      makeSession(join(root, HOME, '.claude'), { id: sessionIdOf(number), ageMs: 40 * DAY_MS });
    }
    mkdirSync(join(root, HOME, '.local/state/claude-session-sweeper'), { recursive: true });
    writeIn(
      root,
      `/etc/claude-session-sweeper/${USER}.env`,
      "SWEEPER_SCHEDULE_JITTER=1ms\nSWEEPER_SCHEDULE_PRUNE='* * * * * *'\n",
    );
    configure(root, { sources: [{ kind: 'keep-list', name: 'wanted', path: KEPT_IDS }] });
    await succeed('chown', ['--recursive', `${USER_ID}:${USER_ID}`, join(root, HOME)]);
  });
}

function checks(): Record<string, (systemd: BootedSystemd) => Promise<void>> {
  return {
    'is not ready while a live source cannot be read, says so, and removes nothing': async (systemd) => {
      await systemctl(systemd, 'start', '--no-block', DAEMON);
      await systemd.untilShown(DAEMON, 'waiting', ({ ActiveState, StatusText = '' }) => {
        return ActiveState === 'activating' && /not ready: .*wanted/.test(StatusText);
      });
      holds(!existsSync(join(systemd.root, TRASH)) || readdirSync(join(systemd.root, TRASH)).length === 0, 'a trash');
    },
    'is ready when all have been read': async (systemd) => {
      writeIn(systemd.root, KEPT_IDS, `${sessionIdOf(3)}\nend 1\n`);
      await systemd.untilShown(DAEMON, 'ready', ({ ActiveState }) => ActiveState === 'active');
    },
    'prunes what has expired, and keeps what a source names': async (systemd) => {
      const projects = join(systemd.root, HOME, '.claude/projects');
      const left = () =>
        readdirSync(projects, { recursive: true })
          .map(String)
          .filter((name) => name.endsWith('.jsonl'));
      await until('a prune', () => left().length === 1);
      holds(left()[0]?.includes(sessionIdOf(3)) === true, `${left()[0]} left`);
    },
    'tells what it does': async (systemd) => {
      await systemd.untilShown(DAEMON, 'at something', ({ StatusText = '' }) =>
        /waiting; next|at work/.test(StatusText),
      );
    },
    'reloads, and refuses what is wrong by a line that journalctl -p err finds': async (systemd) => {
      configure(systemd.root, { logLevel: 'debug' });
      await systemctl(systemd, 'reload', DAEMON);
      await until('the reload', async () => (await systemd.journal(DAEMON, 'info')).includes('configuration reloaded'));
      holds((await systemd.journal(DAEMON, 'err')) === '', `an error: ${await systemd.journal(DAEMON, 'err')}`);
      configure(systemd.root, { maxAge: 'soon' });
      await systemctl(systemd, 'reload', DAEMON);
      await until('the refusal', async () => (await systemd.journal(DAEMON, 'err')).includes('configuration refused'));
      await systemd.untilShown(DAEMON, 'at work as before', ({ ActiveState }) => ActiveState === 'active');
      configure(systemd.root, {});
    },
    'is started anew where it hangs': async (systemd) => {
      writeIn(systemd.root, `/etc/systemd/system/${DAEMON}.d/impatient.conf`, IMPATIENT);
      await systemctl(systemd, 'daemon-reload');
      await systemctl(systemd, 'restart', DAEMON);
      const { MainPID: hung = '' } = await systemd.show(DAEMON);
      await succeedIn(systemd, 'kill', '-STOP', hung);
      await systemd.untilShown(DAEMON, 'started anew', ({ ActiveState, MainPID, NRestarts }) => {
        return ActiveState === 'active' && MainPID !== hung && Number(NRestarts) >= 1;
      });
    },
    'ends well when it is stopped': async (systemd) => {
      const beganAt = performance.now();
      await systemctl(systemd, 'stop', DAEMON);
      const seconds = ((performance.now() - beganAt) / 1_000).toFixed(1);
      const { Result, ExecMainStatus } = await systemd.show(DAEMON);
      holds(Result === 'success' && ExecMainStatus === '0', `${Result}, ${ExecMainStatus}`);
      console.log(`  stopped within ${seconds} s`);
    },
    'is not started again by a configuration that is wrong': async (systemd) => {
      configure(systemd.root, { maxAge: 'soon' });
      const { code } = await systemd.run('systemctl', 'start', DAEMON);
      const { ActiveState, ExecMainStatus, NRestarts } = await systemd.show(DAEMON);
      holds(code !== 0 && ActiveState === 'failed' && ExecMainStatus === '78', `${ActiveState}, ${ExecMainStatus}`);
      holds(NRestarts === '0', `${NRestarts} restarts`);
      configure(systemd.root, {});
    },
    'runs once, as the timer has it run': async (systemd) => {
      makeSession(join(systemd.root, HOME, '.claude'), { id: sessionIdOf(9), ageMs: 40 * DAY_MS });
      await succeed('chown', ['--recursive', `${USER_ID}:${USER_ID}`, join(systemd.root, HOME)]);
      await systemctl(systemd, 'start', ONCE);
      const { Result } = await systemd.show(ONCE);
      holds(Result === 'success', `${Result}`);
    },
    'has a timer for that': async (systemd) => {
      await systemctl(systemd, 'enable', '--now', ONCE.replace('.service', '.timer'));
      const { ActiveState, NextElapseUSecRealtime } = await systemd.show(ONCE.replace('.service', '.timer'));
      holds(ActiveState === 'active' && NextElapseUSecRealtime !== '', 'no next time');
    },
  };
}

function configure(root: string, settings: object): void {
  writeIn(root, CONFIG, `${JSON.stringify(settings)}\n`);
}

/** A file of the user where it lies in their home, and of root elsewhere. */
function writeIn(root: string, path: string, text: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  if (path.startsWith(HOME)) chownSync(file, USER_ID, USER_ID);
}

async function systemctl(systemd: BootedSystemd, ...args: readonly string[]): Promise<void> {
  await succeedIn(systemd, 'systemctl', ...args);
}

async function succeedIn(systemd: BootedSystemd, command: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await systemd.run(command, ...args);
  holds(code === 0, `${command} ${args.join(' ')} ended with ${code}: ${stderr.trim()}`);
}

function holds(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise);
}
