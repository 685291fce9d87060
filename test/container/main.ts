/**
 * Builds the image of the Dockerfile and runs it as its documentation says: `npm run test:container`, as root, with Debian's buildah, podman
 * and runc. `--short` takes a small tree, and leaves out the bot beside it; `--only TEXT` tries promises that hold it. With `--where-possible`, a machine on which no
 * container runs is passed over, and that is said.
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorMessage } from '../../src/errors.ts';
import { Npm } from '../nodes/npm.ts';
import { REPOSITORY } from '../support/process.ts';
import { makeBaseImage } from './base-image.ts';
import { CHECKS, type CheckContext } from './checks.ts';
import { COMPOSE_CHECKS } from './compose.ts';
import { POD_CHECKS } from './pod.ts';
import { Podman } from './podman.ts';

const NODE = '24';
/** What docs/operating.md says of it. */
const ADDED_BYTES_MAX = 35_000_000;
const SESSIONS = { short: 5_000, full: 100_000 } as const;

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    'where-possible': { type: 'boolean', default: false },
  },
});
const work = mkdtempSync(join(tmpdir(), 'sweeper-container-'));
const podman = new Podman(work);
try {
  await podman.throwIfUnable(directoryIn(work, 'probe'));
} catch (error) {
  await takeAway();
  console.log(`container: NOT RUN, since none runs here: ${errorMessage(error)}`);
  process.exit(values['where-possible'] ? 0 : 1);
}
let [passed, failed] = [0, 0];
try {
  const context = await built();
  const checks = { ...CHECKS, ...POD_CHECKS, ...(values.short ? {} : COMPOSE_CHECKS) };
  for (const [promise, check] of Object.entries(checks).filter(([promise]) => promise.includes(values.only))) {
    try {
      await check(context);
      passed += 1;
      console.log(`… ${promise}`);
    } catch (error) {
      failed += 1;
      console.error(`container FAILED: ${promise}: ${errorMessage(error)}`);
    }
  }
} catch (error) {
  failed += 1;
  console.error(`container FAILED: ${errorMessage(error)}`);
} finally {
  await takeAway();
}
console.log(`container: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function built(): Promise<CheckContext> {
  const npm = new Npm(join(work, 'npm-cache'));
  const base = await makeBaseImage(podman, npm, work, NODE);
  const image = await podman.build('localhost/worker', REPOSITORY, { NODE_IMAGE: base }, 'worker');
  const added = (await podman.sizeOf(image)) - (await podman.sizeOf(base));
  console.log(`… the image adds ${(added / 1e6).toFixed(0)} MB to that of Node`);
  if (added > ADDED_BYTES_MAX) throw new Error(`the image adds ${added} bytes to that of Node, not ${ADDED_BYTES_MAX}`);
  const sessions = SESSIONS[values.short ? 'short' : 'full'];
  return { podman, base, image, work: directoryIn(work, 'places'), sessions };
}

function directoryIn(parent: string, name: string): string {
  const path = join(parent, name);
  mkdirSync(path);
  return path;
}

async function takeAway(): Promise<void> {
  await podman.close();
  rmSync(work, { recursive: true, force: true });
}
