/** The place of one case: a Claude directory and a state directory, the jobs that work on them, and what must be true afterwards. */

import { chmodSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { snapshot } from '../../support/disk.ts';
import { freshDirectory, Place } from '../../support/place.ts';
import { type Exit, PROGRAM, run } from '../../support/process.ts';
import { DAY_MS, type MadeSession, makeSession, makeTree, sessionIdOf } from '../../support/tree.ts';
import {
  integrityFault,
  leftOvers,
  locate,
  type Prints,
  printsOf,
  type Shielded,
  type Whereabouts,
} from '../oracle.ts';
import { type Job, PRUNE, PURGE, RESTORE, runNow, SWEEP, type Trouble } from './jobs.ts';
import { countRows, FRESH_ROWS, STALE_ROWS } from './state.ts';

type SessionId = MadeSession['id'];

/** Few enough that no run counts as a mass removal. */
const SESSIONS = 14;
const RUN_TIMEOUT_MS = 90_000;
const EXPIRY_MS = 30 * DAY_MS;

export interface PlaceOptions {
  readonly seed: number;
  readonly sessions?: number | undefined;
  readonly ageMaxDays?: number;
  /** Puts the Claude directory on a file system of its own, before anything is in it. */
  readonly mountClaude?: (at: string) => void;
  readonly mountState?: (at: string) => void;
}

export class TroubledPlace extends Place {
  readonly sessions: MadeSession[];
  /** Expired, with companions of every kind. */
  readonly rich: MadeSession;
  /** Expired, a transcript alone, in a project of its own. */
  readonly plain: MadeSession;
  /** Expired by its age, and named by a row. */
  readonly live: MadeSession;
  /** Not expired, in a project of its own. */
  readonly young: MadeSession;
  readonly faults: string[] = [];
  readonly #prints: Prints;

  /** @param stateTemplate a state directory to begin with */
  constructor(directory: string, stateTemplate: string, options: PlaceOptions) {
    super(directory);
    freshDirectory(directory, 'claude');
    freshDirectory(directory, 'state');
    chmodSync(this.stateDir, 0o700);
    options.mountClaude?.(this.claudeDir);
    options.mountState?.(this.stateDir);
    cpSync(stateTemplate, this.stateDir, { recursive: true });
    const { seed, sessions = SESSIONS, ageMaxDays = 60 } = options;
    this.sessions = makeTree(this.claudeDir, { sessions, seed: seed % 100_000, ageMaxDays });
    const [live, rich, plain, young] = SPECIAL_IDS;
    this.live = this.#addSession(live, 50, ['subagents/agent-a1.jsonl']);
    this.rich = this.#addSession(
      rich,
      45,
      ['subagents/agent-a1.jsonl', 'tool-results/1.txt'],
      [`file-history/${rich}/1@v1`, `session-env/${rich}/hook.sh`, `debug/${rich}.txt`, `todos/${rich}.json`],
    );
    this.plain = this.#addSession(plain, 45, []);
    this.young = this.#addSession(young, 2, []);
    this.sessions.push({ id: KEPT_ID, project: '', mtimeMs: Date.now(), files: KEPT_FILES });
    this.#prints = printsOf(this.claudeDir, this.sessions);
  }

  #addSession(
    id: SessionId,
    ageDays: number,
    companions: readonly string[],
    elsewhere: readonly string[] = [],
  ): MadeSession {
    const project = `-srv-special-${SPECIAL_IDS.indexOf(id)}`;
    const made = makeSession(this.claudeDir, { id, project, ageMs: ageDays * DAY_MS, companions, elsewhere });
    this.sessions.push(made);
    return made;
  }

  /** What becomes of a file from now on is its case's own business. */
  forget(path: string): void {
    const index = this.sessions.findIndex(({ files }) => files.includes(path));
    const session = this.sessions[index];
    if (session === undefined) throw new Error(`nothing is known of ${path}`);
    this.sessions[index] = { ...session, files: session.files.filter((file) => file !== path) };
  }

  get expiring(): MadeSession[] {
    return this.sessions.filter((one) => one !== this.live && Date.now() - one.mtimeMs > EXPIRY_MS);
  }

  transcriptOf(session: MadeSession): string {
    return this.at(`projects/${session.project}/${session.id}.jsonl`);
  }

  projectOf(session: MadeSession): string {
    return this.at(`projects/${session.project}`);
  }

  companionsOf(session: MadeSession): string {
    return this.at(`projects/${session.project}/${session.id}`);
  }

  /** Where the transcript lies in the trash. */
  trashed(path: string): string {
    const [folderDirectory] = this.#trashRuns();
    return join(this.at('session-sweeper/trash'), folderDirectory ?? 'none', path);
  }

  #trashRuns(): string[] {
    return [...new Set([...snapshot(this.at('session-sweeper/trash')).keys()].map((path) => path.split('/')[0] ?? ''))];
  }

  expect(isTrue: boolean, fault: string): void {
    if (!isTrue) this.faults.push(fault);
  }

  async sweeper(args: readonly string[], options: Pick<Trouble, 'launcher' | 'environment'> = {}): Promise<Exit> {
    const [command = '', ...rest] = [...(options.launcher ?? []), process.execPath, PROGRAM, ...this.flags, ...args];
    const startedAt = performance.now();
    const env = options.environment ?? {};
    const exit = await run(command, rest, { env, timeout: RUN_TIMEOUT_MS, killSignal: 'SIGKILL' });
    this.expect(performance.now() - startedAt < RUN_TIMEOUT_MS, `${args.join(' ')} did not end`);
    return exit;
  }

  /** An earlier run: locks, trash and ledger are there. */
  async warmUp(): Promise<void> {
    await this.mustWork(runNow('purge-trash'));
  }

  async fillTrash(): Promise<void> {
    await this.mustWork(PRUNE.args(this));
    this.expectSessions(PRUNE, 'all');
  }

  async mustWork(args: readonly string[]): Promise<Exit> {
    const exit = await this.sweeper(args);
    this.expectCode(exit, [0], args.join(' '));
    return exit;
  }

  expectCode({ code, signal, stdout, stderr }: Exit, codes: readonly number[], what: string): void {
    if (code !== null && codes.includes(code)) return;
    const said = `${stderr}${stdout}`.trim().split('\n').at(-1)?.slice(0, 400);
    this.faults.push(`${what} ended with ${code ?? signal}, not ${codes.join(' or ')}: ${said}`);
  }

  /** Runs the job in the trouble, and again when it has passed; what must be true in between and at the end. */
  async through(trouble: Trouble): Promise<Exit> {
    const { job = PRUNE, codes, says, done, except = [], pass } = trouble;
    // Whoever has no end to his trouble, e.g. in who he is, meets it again.
    const isPassing = pass !== undefined;
    const doneBefore = this.#countAt(job.to);
    const exit = await this.sweeper(job.args(this), trouble);
    const isDead = trouble.mayDie === true && exit.code !== 0;
    if (!isDead) this.expectCode(exit, codes, 'the run');
    if (says !== undefined && !isDead) {
      this.expect(says.test(exit.stdout + exit.stderr), `the run does not say ${says}: ${exit.stderr.slice(0, 300)}`);
    }
    this.#expectKept(exit, trouble.kept ?? {});
    if (trouble.isHiding === true) pass?.();
    this.expectSessions(job, done, { except, mayBeTorn: isDead || trouble.mayBeTorn === true });
    this.expectRows(job === SWEEP ? done : 'none');
    if (!isDead && trouble.isHiding !== true) this.#expectHonest(job, exit, this.#countAt(job.to) - doneBefore);
    if (trouble.isHiding !== true) pass?.();
    const again = await this.sweeper(job.args(this), isPassing ? {} : trouble);
    const isNothingLeft = job === RESTORE && again.code === 65;
    if (!isNothingLeft) this.expectCode(again, pass === undefined ? [0, ...codes] : [0], 'the second run');
    this.expectSessions(job, 'all', { except: pass === undefined ? except : [] });
    this.expectRows(job === SWEEP ? 'all' : 'none');
    this.expectSoundState();
    return exit;
  }

  expectSessions(
    job: Job,
    done: Trouble['done'],
    { except = [], mayBeTorn = false }: { readonly except?: readonly string[]; readonly mayBeTorn?: boolean } = {},
  ): void {
    const { places, faults } = locate(this.claudeDir, this.sessions, this.#prints, this.#shielded);
    // Of a unit that death caught half-way, its parts are in two places; nothing may be in neither.
    const isMidway = (fault: string) => fault.includes(' is torn: ') && (job === PURGE || !fault.includes('gone'));
    this.faults.push(...faults.filter((fault) => !mayBeTorn || !isMidway(fault)));
    const misplaced: string[] = [];
    const expiring = new Set<string>(this.expiring.map(({ id }) => id));
    for (const [id, place] of places) {
      const isExpiring = expiring.has(id);
      const isHeldBack = except.includes(id);
      const allowed: readonly Whereabouts[] = !isExpiring
        ? ['here']
        : isHeldBack || done === 'none'
          ? [job.from]
          : done === 'all'
            ? [job.to]
            : [job.from, job.to];
      const isUnderWay = mayBeTorn && isExpiring && (place !== 'gone' || job === PURGE);
      if (!allowed.includes(place) && !isUnderWay) misplaced.push(`${id} is ${place}, not ${allowed.join(' or ')}`);
    }
    this.expect(misplaced.length === 0, `${misplaced.length} sessions are not where they belong: ${misplaced[0]}`);
  }

  expectRows(swept: Trouble['done']): void {
    const { stale, inUse } = countRows(this.stateDir, this.directory);
    const isStaleRight = swept === 'any' || stale === (swept === 'all' ? 0 : STALE_ROWS);
    this.expect(isStaleRight, `there are ${stale} of ${STALE_ROWS} stale rows`);
    this.expect(inUse === FRESH_ROWS + 1, `there are ${inUse} of ${FRESH_ROWS + 1} rows in use`);
  }

  expectSoundState(): void {
    this.faults.push(...leftOvers(this.stateDir).map((name) => `left over: ${name}`));
    for (const name of ['sessions.db', 'ledger.db']) {
      const fault = integrityFault(join(this.stateDir, name));
      if (fault !== undefined) this.faults.push(fault);
    }
  }

  #expectKept({ stdout }: Exit, expected: Readonly<Record<string, number>>): void {
    const kept = reportOf(stdout)?.kept ?? {};
    for (const [reason, count] of Object.entries(expected)) {
      this.expect(kept[reason] === count, `the report has ${kept[reason] ?? 0} kept as ${reason}, not ${count}`);
    }
  }

  /** The report tells what was done, no more and no less. */
  #expectHonest(job: Job, { stdout }: Exit, moved: number): void {
    const report = reportOf(stdout);
    const told = job === PRUNE ? report?.removed?.sessions : job === PURGE ? report?.purged?.sessions : undefined;
    if (told === undefined) return;
    this.expect(told === moved, `the report tells of ${told} sessions and ${moved} are ${job.to}`);
  }

  /** Whatever is named, or comes back, may be kept from Claude's own clean-up. */
  get #shielded(): Shielded {
    return { ids: new Set<string>(this.sessions.map(({ id }) => id)), latestMs: Date.now() };
  }

  /** Those that are there with all of them. */
  #countAt(whereabouts: Whereabouts): number {
    const { places, faults } = locate(this.claudeDir, this.expiring, this.#prints, this.#shielded);
    const isTorn = (id: string) => faults.some((fault) => fault.startsWith(`session ${id} is torn`));
    return [...places].filter(([id, place]) => place === whereabouts && !isTorn(id)).length;
  }

  /** A dry run says what it would do and changes no byte. */
  async expectDryRun(codes: readonly number[], options: Pick<Trouble, 'launcher'> = {}): Promise<void> {
    const before = this.#look();
    const exit = await this.sweeper(['--run-now', '--dry-run', '--json'], options);
    this.expectCode(exit, codes, 'the dry run');
    const after = this.#look();
    this.expect(before === after, `the dry run has changed something: ${before.length} and ${after.length}`);
    if (exit.code !== 0) return;
    const removed = /"removed":\{"sessions":(\d+)/.exec(exit.stdout)?.[1];
    this.expect(Number(removed) === this.expiring.length, `the dry run tells of ${removed} sessions`);
  }

  #look(): string {
    const trees = [this.claudeDir, this.stateDir].map((root) => [...snapshot(root)].sort());
    return JSON.stringify(trees, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  }
}

interface Report {
  readonly kept?: Readonly<Record<string, number>>;
  readonly removed?: { readonly sessions: number };
  readonly purged?: { readonly sessions: number };
}

function reportOf(stdout: string): Report | undefined {
  try {
    return (JSON.parse(stdout) as { jobs: readonly Report[] }).jobs[0];
  } catch {
    return undefined;
  }
}

/** What no run may touch, judged as if it were one more session that stays. */
const KEPT_FILES = ['settings.json', 'history.jsonl', 'projects/-srv-project-0/memory/MEMORY.md'];
const KEPT_ID = sessionIdOf(0xfff_000_000);
export const SPECIAL_IDS = [
  sessionIdOf(0xfff_000_001),
  sessionIdOf(0xfff_000_002),
  sessionIdOf(0xfff_000_003),
  sessionIdOf(0xfff_000_004),
] as const;
