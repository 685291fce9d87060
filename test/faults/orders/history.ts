/** One made-up history: what befalls a host, and what its worker does, one after the other, by chance from a seed. */

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { JOB_NAMES } from '../../../src/jobs/job-names.ts';
import { seededRandom } from '../../support/samples.ts';
import { DAY_MS } from '../../support/tree.ts';
import { type HostShape, OrdersHost } from './host.ts';
import { OrdersJudge } from './judge.ts';

const HOUR_MS = DAY_MS / 24;
/** As many as the guards begin to notice at, and more. */
const CONVERSATIONS_MAX = 26;
const STEPS = 22;
/** Within the time in the trash: so long a host needs to bring back what it has lost. */
const MENDED_WITHIN_MS = 5 * DAY_MS;
const PROJECTS = ['-srv-app', '-srv-app--claude-worktrees-x', '-srv-other'];

export interface HistoryResult {
  readonly losses: readonly string[];
  readonly jobs: number;
}

export async function runHistory(directory: string, seed: number, withoutGuards: boolean): Promise<HistoryResult> {
  const history = new History(directory, seed, withoutGuards);
  return history.run();
}

/**
 * The control: a map that is lost, and a dump that has forgotten when rows were used, with a worker that asks no guard and writes down no
 * row that it sweeps. @returns what the judge says of either
 */
export async function loseAll(
  directory: string,
): Promise<{ readonly sessions: readonly string[]; readonly rows: readonly string[] }> {
  const lost = await unguarded(join(directory, 'sessions'), 'never');
  await lost.host.run('prune-transcripts', false);
  lost.judge.notePrune(false);
  lost.host.clock.nowMs += 31 * DAY_MS;
  lost.judge.noteMapLost(false);
  for (const conversation of lost.host.conversations.values()) {
    Object.assign(conversation, { isRowLost: true, wantedUntilMs: lost.host.nowMs + MENDED_WITHIN_MS });
  }
  lost.host.makeMap();
  await lost.host.begin('forgejo:a:acme/app:new', { claudeDir: lost.host.claudeDirs[0], project: '-srv-app' });
  await lost.host.run('prune-transcripts', false);
  lost.judge.judge('prune-transcripts');

  const swept = await unguarded(join(directory, 'rows'), '20d');
  swept.host.clock.nowMs += 25 * DAY_MS;
  for (const conversation of swept.host.conversations.values()) await swept.host.use(conversation);
  swept.host.dump();
  swept.host.restoreDump(undefined);
  for (const conversation of swept.host.conversations.values()) swept.host.noteDumped(conversation, false);
  await swept.host.run('sweep-sessions', false);
  swept.host.forgetSweptRows();
  swept.judge.judge('sweep-sessions');
  return { sessions: lost.judge.losses, rows: swept.judge.losses };
}

async function unguarded(directory: string, rowsMaxAge: string) {
  mkdirSync(directory, { recursive: true });
  const shape = { directories: 1, hasStore: false, ownsMap: false, rowsMaxAge, onlyThisHost: false } as const;
  const host = new OrdersHost(directory, { ...shape, withoutGuards: true });
  const place = { claudeDir: host.claudeDirs[0], project: '-srv-app' };
  for (let number = 0; number < CONVERSATIONS_MAX; number += 1) await host.begin(`forgejo:a:acme/app:${number}`, place);
  return { host, judge: new OrdersJudge(host) };
}

class History {
  readonly #random: () => number;
  readonly #host: OrdersHost;
  readonly #judge: OrdersJudge;
  readonly #told: string[] = [];
  #jobs = 0;
  #keys = 0;

  constructor(directory: string, seed: number, withoutGuards: boolean) {
    this.#random = seededRandom(seed);
    const shape: HostShape = {
      directories: this.#chance(0.3) ? 2 : 1,
      hasStore: this.#chance(0.25),
      ownsMap: this.#chance(0.5),
      rowsMaxAge: this.#choose(['20d', '40d', 'never']) ?? '20d',
      onlyThisHost: this.#chance(0.5),
      withoutGuards,
    };
    this.#host = new OrdersHost(directory, shape);
    this.#judge = new OrdersJudge(this.#host);
  }

  async run(): Promise<HistoryResult> {
    const count = this.#chance(0.8) ? CONVERSATIONS_MAX : 3;
    for (let number = 0; number < count; number += 1) await this.#begin();
    if (this.#chance(0.8)) await this.#job('prune-transcripts', false);
    for (let step = 0; step < STEPS; step += 1) {
      await this.#step();
      if (this.#judge.losses.length > 0) break;
    }
    const story = this.#told.join(', ');
    return { losses: this.#judge.losses.map((loss) => `${loss}; ${story}`), jobs: this.#jobs };
  }

  /** Half of the steps are the worker's. */
  async #step(): Promise<void> {
    if (this.#chance(0.5)) {
      const job = this.#choose(JOB_NAMES);
      if (job !== undefined) await this.#job(job, this.#chance(0.1));
      return;
    }
    const event = this.#choose(EVENTS);
    if (event === undefined) return;
    this.#told.push(event.name);
    await event.befall(this);
    this.#judge.judge(event.name);
  }

  async #job(job: (typeof JOB_NAMES)[number], dryRun: boolean): Promise<void> {
    this.#jobs += 1;
    this.#told.push(dryRun ? `dry ${job}` : job);
    const { held = [], failure } = await this.#host.run(job, dryRun);
    if (failure !== undefined) this.#judge.losses.push(`${job} has failed: ${failure.message}`);
    if (job === 'prune-transcripts' && !dryRun)
      this.#judge.notePrune(held.some(({ guard }) => guard !== 'mass-removal'));
    this.#judge.judge(job);
  }

  async #begin(): Promise<void> {
    this.#keys += 1;
    await this.#host.begin(`forgejo:a:acme/app:${this.#keys}`, this.#place());
  }

  #place(): { claudeDir: string | undefined; project: string } {
    const { shape, claudeDirs } = this.#host;
    const claudeDir = shape.hasStore && this.#chance(0.5) ? undefined : this.#choose(claudeDirs);
    return { claudeDir, project: this.#choose(PROJECTS) ?? '-srv-app' };
  }

  async begin(): Promise<void> {
    await this.#begin();
  }

  async use(): Promise<void> {
    // A host does not know of a database that it has not looked at.
    const usable = [...this.#host.conversations.values()].filter(({ isRowLost }) => !isRowLost);
    for (const conversation of usable) if (this.#chance(0.3)) await this.#host.use(conversation);
  }

  rename(): void {
    const conversation = this.#choose([...this.#host.conversations.values()]);
    if (conversation !== undefined) this.#host.rename(conversation, this.#choose(PROJECTS) ?? '-srv-app');
  }

  async beginAgain(): Promise<void> {
    const conversation = this.#choose([...this.#host.conversations.values()].filter(({ isRowLost }) => !isRowLost));
    if (conversation !== undefined) await this.#host.begin(conversation.key, this.#place());
  }

  async drop(): Promise<void> {
    const dropped = [...this.#host.conversations.values()].filter(({ isRowLost }) => !isRowLost && this.#chance(0.2));
    for (const conversation of dropped) await this.#host.drop(conversation);
  }

  async loseMap(isStateLost = false): Promise<void> {
    if (!isStateLost || this.#host.shape.ownsMap) {
      this.#judge.noteMapLost(isStateLost);
      for (const conversation of this.#host.conversations.values()) {
        // What was not brought back after an earlier loss is given up by now, or will be at the same time as then.
        if (conversation.isRowLost) continue;
        const wantedUntilMs = this.#judge.wants(conversation) ? this.#host.nowMs + MENDED_WITHIN_MS : undefined;
        Object.assign(conversation, { isRowLost: true, wantedUntilMs });
      }
    }
    if (isStateLost) {
      this.#judge.noteStateLost();
      rmSync(this.#host.stateDir, { recursive: true, force: true });
    }
    if (!isStateLost || this.#host.shape.ownsMap) {
      this.#host.makeMap();
      await this.#begin();
    }
  }

  /** The host notices, and brings back what it had. */
  async mend(): Promise<void> {
    const { nowMs } = this.#host;
    for (const conversation of this.#host.conversations.values()) {
      const { isRowLost, wantedUntilMs = 0 } = conversation;
      if (isRowLost && nowMs <= wantedUntilMs) await this.#host.use(conversation);
    }
  }

  loseStore(): void {
    if (!this.#host.shape.hasStore) return;
    this.#host.makeStore();
    for (const { key, claudeDir } of [...this.#host.conversations.values()]) {
      if (claudeDir === undefined) this.#host.conversations.delete(key);
    }
  }

  dump(): void {
    this.#host.dump();
  }

  restoreDump(): void {
    const isMadeNow = this.#chance(0.5);
    const dumped = this.#host.restoreDump(isMadeNow ? this.#host.nowMs : undefined);
    for (const conversation of [...this.#host.conversations.values()]) {
      // What came after the dump is lost with the database.
      if (dumped.get(conversation.key) !== conversation.id) this.#host.conversations.delete(conversation.key);
      else this.#host.noteDumped(conversation, isMadeNow);
    }
  }

  pass(ms: number): void {
    this.#host.clock.nowMs += ms;
  }

  restoreRow(): Promise<void> {
    return this.#host.restoreRow((items) => this.#choose(items));
  }

  restoreSession(): void {
    this.#host.restoreSession((items) => this.#choose(items));
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #choose<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random() * items.length)];
  }
}

/** What befalls a host; what is likelier stands here more than once. */
const EVENTS: readonly { readonly name: string; befall(history: History): void | Promise<void> }[] = [
  { name: 'a new session', befall: (history) => history.begin() },
  { name: 'use', befall: (history) => history.use() },
  { name: 'use', befall: (history) => history.use() },
  { name: 'a rename', befall: (history) => history.rename() },
  { name: 'a conversation begun anew', befall: (history) => history.beginAgain() },
  { name: 'rows dropped', befall: (history) => history.drop() },
  { name: 'the map lost', befall: (history) => history.loseMap() },
  { name: 'the state lost', befall: (history) => history.loseMap(true) },
  { name: 'all mended', befall: (history) => history.mend() },
  { name: 'the store lost', befall: (history) => history.loseStore() },
  { name: 'a dump', befall: (history) => history.dump() },
  { name: 'the dump restored', befall: (history) => history.restoreDump() },
  { name: 'a row restored', befall: (history) => history.restoreRow() },
  { name: 'a session restored', befall: (history) => history.restoreSession() },
  { name: 'an hour', befall: (history) => history.pass(HOUR_MS) },
  { name: 'a day', befall: (history) => history.pass(DAY_MS) },
  { name: 'a day', befall: (history) => history.pass(DAY_MS) },
  { name: 'eight days', befall: (history) => history.pass(8 * DAY_MS) },
  { name: 'a month', befall: (history) => history.pass(31 * DAY_MS) },
];
