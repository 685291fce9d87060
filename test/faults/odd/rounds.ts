/** Every job, one after the other, in a place with one odd thing in it; the tree itself is asked what has become of everything. */

import { spawnSync } from 'node:child_process';
import { lstatSync } from 'node:fs';
import type { Exit } from '../../support/process.ts';
import { type Job, PRUNE, PURGE, RESTORE, SWEEP } from '../resources/jobs.ts';
import type { TroubledPlace } from '../resources/place.ts';
import type { Odd, Shape } from './shape.ts';

/** What a command may end with that only looks. */
const LOOKING_CODES = [0, 1];

export async function runRounds(shape: Shape, place: TroubledPlace): Promise<number> {
  const rounds = new Rounds(place);
  if (shape.isInTrash === true) await place.fillTrash();
  const odd = await shape.make(place);
  try {
    if (odd.only === 'refused') await rounds.refused(odd);
    else if (shape.isInTrash === true) await rounds.fromTrash(odd);
    else await rounds.fromPlace(odd);
  } finally {
    await odd.end?.();
  }
  return rounds.runs;
}

class Rounds {
  runs = 0;
  readonly #place: TroubledPlace;
  #said = '';

  constructor(place: TroubledPlace) {
    this.#place = place;
  }

  async fromPlace(odd: Odd): Promise<void> {
    await this.#look(odd);
    await this.#job(odd, SWEEP, odd.otherCodes);
    this.#place.expectRows('all');
    await this.#job(odd, PRUNE, odd.codes);
    this.#expectNamed(odd);
    await this.#job(odd, RESTORE, odd.otherCodes);
    await this.#job(odd, PRUNE, odd.codes);
    await this.#job(odd, PURGE, odd.otherCodes);
    this.#expectUntouched(odd);
  }

  async fromTrash(odd: Odd): Promise<void> {
    await this.#look(odd);
    this.#said += await this.#run(odd, SWEEP.args(this.#place), odd.otherCodes ?? [0], 'the sweep');
    this.#place.expectRows('all');
    await this.#job(odd, PRUNE, odd.codes);
    this.#expectNamed(odd);
    await this.#job(odd, RESTORE, odd.otherCodes);
    const later = { ...odd, held: odd.heldLater ?? [] };
    await this.#job(later, PRUNE, odd.codes);
    await this.#job(later, PURGE, odd.otherCodes);
    this.#expectUntouched(odd);
  }

  /** Nothing is done where nothing can be told; and what helps is said. */
  async refused(odd: Odd): Promise<void> {
    for (const job of [SWEEP, PRUNE, PURGE]) {
      this.#said += await this.#run(odd, job.args(this.#place), odd.codes ?? [], 'the run');
      this.#place.expectSessions(PRUNE, 'none');
    }
    this.#expectNamed(odd);
    this.#expectUntouched(odd);
  }

  /** Whatever only looks changes nothing and does not die of it. */
  async #look(odd: Odd): Promise<void> {
    const before = listing(this.#place);
    const dryRun = ['--run-now', '--dry-run', '--json'];
    const codes = new Set([0, ...(odd.codes ?? []), ...(odd.otherCodes ?? [])]);
    this.#said += await this.#run(odd, dryRun, [...codes], 'the dry run');
    this.#said += await this.#run(odd, ['doctor'], LOOKING_CODES, 'doctor');
    await this.#run(odd, ['status'], [...codes], 'status');
    await this.#run(odd, ['trash', 'list'], [...codes], 'trash list');
    const isGrowing = odd.end !== undefined;
    this.#place.expect(isGrowing || listing(this.#place) === before, 'what only looks has changed something');
  }

  async #job(odd: Odd, job: Job, codes: readonly number[] = [0]): Promise<void> {
    const held = odd.held ?? [];
    const args =
      job === RESTORE
        ? ['trash', 'restore', ...this.#place.expiring.map(({ id }) => id).filter((id) => !held.includes(id))]
        : job.args(this.#place);
    this.#said += await this.#run(odd, args, codes, args.slice(0, 4).join(' '));
    // Who is held stays in its place, wherever the others are.
    const { expiring } = this.#place;
    const away = expiring.length > 0 ? held.filter((id) => expiring.some((one) => one.id === id)) : [];
    const from = job === PURGE || job === RESTORE ? { ...job, from: 'here' as const } : job;
    this.#place.expectSessions(from, 'all', { except: away });
    this.#place.expectSoundState();
  }

  async #run(odd: Odd, args: readonly string[], codes: readonly number[], what: string): Promise<string> {
    this.runs += 1;
    const { launcher } = odd;
    // A person who restores names the directory that he wants something back in.
    const flags = args.includes('restore') ? [] : (odd.flags ?? []);
    const exit: Exit = await this.#place.sweeper([...flags, ...args], launcher === undefined ? {} : { launcher });
    this.#place.expectCode(exit, codes, what);
    return `${exit.stdout}\n${exit.stderr}\n`;
  }

  #expectNamed({ named }: Odd): void {
    if (named !== undefined) this.#place.expect(named.test(this.#said), `nothing is said of it, as ${named}`);
  }

  #expectUntouched({ stays = [] }: Odd): void {
    for (const path of stays) {
      const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
      this.#place.expect(isThere, `${String(path)} is gone`);
    }
  }
}

/** All that is there with what its inodes say, by a program that knows depths and names of every kind. */
function listing({ claudeDir, stateDir }: TroubledPlace): string {
  // A directory's time is that of the side files that come and go in it.
  const format = ['-type', 'd', '-printf', '%p %m %U\\n', '-o', '-printf', '%p %y %i %s %T@ %m %U\\n'];
  const isSideFile = ['-not', '-name', '*-shm', '-not', '-name', '*-wal'];
  const { stdout } = spawnSync('find', [claudeDir, stateDir, ...isSideFile, '(', ...format, ')'], {
    encoding: 'latin1',
    maxBuffer: 2 ** 28,
  });
  return stdout.split('\n').sort().join('\n');
}
