/** Runs every command of docs/half-hour.md, in its order, in a systemd on which nothing of ours is yet, from the package for Debian. */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fetchNode } from '../nodes/node-release.ts';
import { Npm } from '../nodes/npm.ts';
import { REPOSITORY } from '../support/process.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { BootedSystemd, release, succeed } from './booted.ts';

const PAGE = join(REPOSITORY, 'docs/half-hour.md');
/** The first that the package for Debian can run on, by its newest release. */
const NODE = '24';
const USER = 'bot';

interface Step {
  readonly heading: string;
  readonly script: string;
}

/** @returns the headings of what went as the page says. @throws with what a command has said that did not */
export async function tryHalfHour(directory: string): Promise<readonly string[]> {
  const container = join(directory, 'container');
  mkdirSync(container);
  let systemd: BootedSystemd | undefined;
  try {
    const prepare = (root: string) => prepared(root, directory);
    systemd = await BootedSystemd.boot(container, prepare, { hasOwnNetwork: true });
    const steps = stepsOf(readFileSync(PAGE, 'utf8'));
    for (const { heading, script } of steps) await succeedIn(systemd, heading, script);
    return [...new Set(steps.map(({ heading }) => heading))];
  } finally {
    await systemd?.close();
    await release(container);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What stands in the page for a shell. */
function stepsOf(text: string): readonly Step[] {
  const steps: Step[] = [];
  let heading = '';
  for (const [, title, script] of text.matchAll(/^## (.+)$|^```sh\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) heading = title;
    else if (script !== undefined) steps.push({ heading, script });
  }
  return steps;
}

/** A user whose sessions are there, a Node, and the package where it was downloaded. */
async function prepared(root: string, directory: string): Promise<void> {
  const npm = new Npm(join(directory, 'npm-cache'));
  const { executable } = await fetchNode(NODE, directory, npm);
  rmSync(join(root, 'usr/bin/node'), { force: true });
  copyFileSync(executable, join(root, 'usr/bin/node'));
  const made = join(directory, 'made');
  const env = Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
  await succeed(process.execPath, [join(REPOSITORY, 'scripts/release/make.mjs'), made, '--debian'], { env });
  const [file = ''] = readdirSync(made).filter((name) => name.endsWith('.deb'));
  copyFileSync(join(made, file), join(root, 'root', file));
  await succeed('chroot', [root, 'useradd', '--create-home', USER]);
  const claudeDir = join(root, 'home', USER, '.claude');
  for (let number = 1; number <= 3; number += 1)
    makeSession(claudeDir, { id: sessionIdOf(number), ageMs: 40 * DAY_MS });
  makeSession(claudeDir, { id: sessionIdOf(4), ageMs: 2 * DAY_MS });
  await succeed('chroot', [root, 'chown', '--recursive', `${USER}:`, `/home/${USER}`]);
}

async function succeedIn(systemd: BootedSystemd, heading: string, script: string): Promise<void> {
  const { code, signal, stdout, stderr } = await systemd.run('bash', '-c', `cd /root && set -euo pipefail\n${script}`);
  if (code === 0) return;
  const { stdout: journal } = await systemd.run('journalctl', '--quiet', '--no-pager', '--lines=20');
  throw new Error(`${heading}: ended with ${code ?? signal}\n${script}\n${stdout}\n${stderr}\n${journal}`);
}
