/** What is promised of the image, each tried as an operator would. */

import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { freshDirectory, Place } from '../support/place.ts';
import type { Exit } from '../support/process.ts';
import { DAY_MS, type MadeSession, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import type { ContainerOptions, Podman } from './podman.ts';
import { succeed } from './succeed.ts';

export interface CheckContext {
  readonly podman: Podman;
  /** The image of Node alone, and that of the worker. */
  readonly base: string;
  readonly image: string;
  readonly work: string;
  /** How many sessions the large tree has. */
  readonly sessions: number;
}

export type Checks = Readonly<Record<string, (context: CheckContext) => Promise<void>>>;

const UID = 1_000;
const OTHER_UID = 4_711;
const EXPIRED = 3;
const TRASH = 'session-sweeper/trash';
/** As long as the compose file gives it. */
const GRACE_SECONDS = 10;

export const CHECKS: Checks = {
  'prunes as a plain user, with a root file system that it cannot write and without any capability': async (
    context,
  ) => {
    const place = placeOf(context, 'plain', UID);
    throwUnless(await runIn(context, place), 0);
    throwUnlessPruned(place, EXPIRED);
  },
  'prunes as any other user, where that is the owner': async (context) => {
    const place = placeOf(context, 'other', OTHER_UID);
    throwUnless(await runIn(context, place, { user: `${OTHER_UID}:${OTHER_UID}` }), 0);
    throwUnlessPruned(place, EXPIRED);
    const audit = await runIn(context, place, { user: `${OTHER_UID}:${OTHER_UID}`, command: ['history', 'export'] });
    if (!audit.stdout.includes(`"uid":${OTHER_UID},`)) throw new Error(`the audit says ${audit.stdout}`);
  },
  'leaves what is another’s as it is, and says so': async (context) => {
    const place = placeOf(context, 'foreign', OTHER_UID);
    const exit = await runIn(context, place);
    if (exit.code === 0 || exit.stderr === '') throw new Error(`it ended with ${exit.code} and said ${exit.stderr}`);
    throwUnlessPruned(place, 0);
  },
  'prunes on a mount point of root with a group of its user, as an fsGroup makes it': async (context) => {
    const group = 2_000;
    const place = placeOf(context, 'group', UID);
    for (const directory of [place.claudeDir, place.stateDir]) {
      chownSync(directory, 0, group);
      chmodSync(directory, 0o2770);
    }
    throwUnless(await runIn(context, place, { group }), 0);
    throwUnlessPruned(place, EXPIRED);
  },
  'loses nothing of what lies in the lower layer of an overlay': async (context) => {
    const place = placeOf(context, 'layers', UID, { hasCompanions: true });
    const [upper, work, merged] = ['upper', 'work', 'merged'].map((name) => freshDirectory(place.directory, name));
    ownAll(upper ?? '', UID);
    await succeed('mount', [
      ...['-t', 'overlay', 'overlay', '-o'],
      ...[`lowerdir=${place.claudeDir},upperdir=${upper},workdir=${work}`, merged ?? ''],
    ]);
    try {
      const over = new Over(merged ?? '', place.stateDir);
      const exit = await runIn(context, over);
      if (exit.code !== 0 && exit.code !== 74) throwUnless(exit, 0);
      for (const { id, files } of expiredSessions(true)) {
        const isHere = files.every((file) => existsSync(join(over.claudeDir, file)));
        const isInTrash = filesBelow(join(over.claudeDir, TRASH), id) === files.length;
        if (isHere === isInTrash) throw new Error(`${id} is ${isHere ? 'in both places' : 'in parts'}: ${exit.stderr}`);
      }
      // A transcript alone is renamed from any layer.
      if (existsSync(join(over.claudeDir, expiredSessions(true)[0]?.files[0] ?? ''))) throw new Error(exit.stderr);
    } finally {
      await succeed('umount', [merged ?? '']);
    }
  },
  'is healthy by its own check, holds off a second worker, and leaves at SIGTERM': async (context) => {
    const { podman } = context;
    const place = placeOf(context, 'daemon', UID);
    const options = optionsOf(context, place, { environment: { SWEEPER_SCHEDULE_JITTER: '1ms' } });
    await podman.start('worker', options);
    await until('the worker to be healthy', () => podman.isHealthy('worker'));
    const second = await runIn(context, place, { command: ['daemon'] });
    throwUnless(second, 75);
    if (!second.stderr.includes('worker')) throw new Error(`it does not name the first: ${second.stderr}`);
    const code = await podman.stop('worker', GRACE_SECONDS);
    if (code !== 0) throw new Error(`it ended with ${code}: ${await podman.log('worker')}`);
    throwUnless(await runIn(context, place), 0);
    throwUnlessPruned(place, EXPIRED);
  },
  'prunes a large tree as a daemon in 128 MB': async (context) => {
    const { podman, sessions } = context;
    const place = placeOf(context, 'large', UID);
    for (let number = 0; number < sessions; number += 1) {
      const id = sessionIdOf(1_000_000 + number);
      makeSession(place.claudeDir, { id, project: `-srv-${number % 400}`, ageMs: (number % 60) * DAY_MS });
    }
    await succeed('chown', ['--recursive', `${UID}:${UID}`, place.claudeDir]);
    const environment = { SWEEPER_SCHEDULE_PRUNE: '* * * * * *', SWEEPER_SCHEDULE_JITTER: '1ms' };
    await podman.start('large', optionsOf(context, place, { memory: '128m', environment }));
    await until('a prune to be through', async () => {
      const log = await podman.log('large');
      if (/"job failed"|died/.test(log)) throw new Error(log);
      return /"job":"prune-transcripts","outcome":"ok"/.test(log);
    });
    const code = await podman.stop('large', GRACE_SECONDS);
    if (code !== 0) throw new Error(`it ended with ${code}: ${await podman.log('large')}`);
    throwUnlessPruned(place, EXPIRED);
  },
};

/** The same place through a mount. */
class Over extends Place {
  override readonly claudeDir: string;
  override readonly stateDir: string;

  constructor(claudeDir: string, stateDir: string) {
    super(claudeDir);
    this.claudeDir = claudeDir;
    this.stateDir = stateDir;
  }
}

/** With expired sessions and one that is not, of which one user is the owner. */
function placeOf({ work }: CheckContext, name: string, uid: number, { hasCompanions = false } = {}): Place {
  const place = new Place(freshDirectory(work, name));
  makeClaudeDir(place.claudeDir);
  mkdirSync(place.stateDir);
  for (const [index, { id }] of expiredSessions(hasCompanions).entries()) {
    makeSession(place.claudeDir, shapeOf(id, hasCompanions && index > 0));
  }
  makeSession(place.claudeDir, { id: sessionIdOf(9), ageMs: DAY_MS * 2 });
  ownAll(place.directory, uid);
  for (const directory of [place.claudeDir, place.stateDir]) chmodSync(directory, 0o700);
  return place;
}

function expiredSessions(hasCompanions: boolean): readonly Pick<MadeSession, 'id' | 'files'>[] {
  return Array.from({ length: EXPIRED }, (_, index) => {
    const id = sessionIdOf(index + 1);
    const { companions } = shapeOf(id, hasCompanions && index > 0);
    return {
      id,
      files: [`projects/-srv-app/${id}.jsonl`, ...companions.map((name) => `projects/-srv-app/${id}/${name}`)],
    };
  });
}

function shapeOf(id: MadeSession['id'], hasCompanions: boolean) {
  return { id, ageMs: 40 * DAY_MS, companions: hasCompanions ? ['tool-results/1.txt', 'subagents/agent-a.jsonl'] : [] };
}

function ownAll(directory: string, uid: number): void {
  chownSync(directory, uid, uid);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) ownAll(path, uid);
    else chownSync(path, uid, uid);
  }
}

function optionsOf({ image }: CheckContext, place: Place, options: Partial<ContainerOptions>): ContainerOptions {
  const mounts = [
    { from: place.claudeDir, to: '/claude' },
    { from: place.stateDir, to: '/state' },
  ];
  return { image, mounts, ...options };
}

function runIn(context: CheckContext, place: Place, options: Partial<ContainerOptions> = {}): Promise<Exit> {
  return context.podman.run(optionsOf(context, place, { command: ['run'], ...options }));
}

function throwUnless({ code, signal, stdout, stderr }: Exit, expected: number): void {
  if (code === expected) return;
  throw new Error(`it ended with ${code ?? signal}, not ${expected}: ${`${stdout}\n${stderr}`.trim().slice(-2_000)}`);
}

function throwUnlessPruned({ claudeDir }: Place, expected: number): void {
  const gone = expiredSessions(false).filter(({ files }) => !existsSync(join(claudeDir, files[0] ?? '')));
  const inTrash = gone.filter(({ id }) => filesBelow(join(claudeDir, TRASH), id) > 0);
  if (
    gone.length !== expected ||
    inTrash.length !== expected ||
    !existsSync(join(claudeDir, `projects/-srv-app/${sessionIdOf(9)}.jsonl`))
  ) {
    throw new Error(`${gone.length} sessions have gone, ${inTrash.length} of them to the trash, not ${expected}`);
  }
}

/** How many files of a session lie below a directory, at their own paths. */
function filesBelow(directory: string, id: string): number {
  if (!existsSync(directory)) return 0;
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true });
  return paths.filter((entry) => entry.isFile() && join(entry.parentPath, entry.name).includes(id)).length;
}
