/** What befalls a simulated host: sleep, clocks, reboots, a sync tool, a backup, kills, lost state. */

import { DAY_MS } from '../../support/tree.ts';
import type { Life } from './life.ts';
import type { LifeSession } from './session-files.ts';

const HOUR_MS = DAY_MS / 24;
/** What clocks without a battery begin with. */
const DEAD_BATTERY_MS = [Date.UTC(1970, 0, 1, 0, 1), Date.UTC(2000, 0, 1, 0, 1)];

/** Of the sessions that are there; fewer that come back are no mass. */
const NOTICEABLE_SHARE = 0.25;

interface Snapshot {
  readonly day: number;
  readonly sessions: ReadonlyMap<LifeSession, Pick<LifeSession, 'project' | 'files'>>;
}

interface Mishap {
  readonly name: string;
  readonly share: number;
  befall(): Promise<void> | void;
}

export class Mishaps {
  readonly #life: Life;
  /** True time at which a time server will have its say; undefined while the clock is right. */
  #correctedAtMs: number | undefined;
  #snapshot: Snapshot | undefined;
  /** What comes once in a life, and from which day on. */
  readonly #once: { readonly on: number; readonly name: string; befall(): Promise<void> }[];
  readonly #all: readonly Mishap[] = [
    { name: 'sleep for days', share: 0.04, befall: () => this.#sleepForDays() },
    { name: 'reboot', share: 0.08, befall: () => this.#life.host.reboot(this.#life.between(0.05, 10) * HOUR_MS) },
    { name: 'dead battery', share: 0.03, befall: () => this.#dieOfBattery() },
    { name: 'clock forward', share: 0.03, befall: () => this.#step(this.#life.between(0.2, 12) * HOUR_MS, 26) },
    { name: 'clock back', share: 0.03, befall: () => this.#step(-this.#life.between(0.2, 12) * HOUR_MS, 26) },
    { name: 'clock far ahead', share: 0.03, befall: () => this.#stepFar() },
    { name: 'bulk touch', share: 0.02, befall: () => this.#touchMany() },
    { name: 'conflict copy', share: 0.06, befall: () => this.#copyInConflict() },
    { name: 'old copy', share: 0.05, befall: () => this.#bringBackProject() },
  ];

  constructor(life: Life) {
    this.#life = life;
    this.#once = [
      { on: life.between(17, 23), name: 'ledger lost', befall: () => this.#loseLedger() },
      { on: life.between(29, 36), name: 'state lost', befall: () => this.#loseState() },
      { on: life.between(43, 49), name: 'backup restored', befall: () => this.#bringBack(() => true) },
    ];
  }

  /** At most one of a day, beside what comes once. */
  async befall(): Promise<void> {
    const { day } = this.#life;
    if (day % 14 === 10) this.#takeSnapshot();
    if (this.#life.map.isLost) return this.#named('state mended', this.#mendState());
    const [next] = this.#once;
    if (next !== undefined && day >= next.on) {
      this.#once.shift();
      return this.#named(next.name, next.befall());
    }
    let chance = this.#life.random();
    for (const mishap of this.#all) {
      chance -= mishap.share;
      if (chance >= 0) continue;
      // A clock that is wrong already is wrong enough.
      if (this.#correctedAtMs !== undefined && /clock|battery|sleep|reboot/.test(mishap.name)) return;
      return this.#named(mishap.name, mishap.befall());
    }
  }

  /** The worker is killed while it works. */
  async killAtWork(): Promise<void> {
    this.#life.tell('killed');
    // What it has half-done is settled by the next one, which comes at once.
    await this.#life.host.killAtWork(this.#life.between(20, 260));
  }

  /** Where a time server has its say by now. */
  async correctClock(): Promise<void> {
    const { machine } = this.#life.host;
    if (this.#correctedAtMs === undefined || machine.trueMs < this.#correctedAtMs) return;
    this.#correctedAtMs = undefined;
    this.#life.tell('clock set right');
    this.#life.noteClock();
    await this.#life.host.jump(-machine.errorMs);
    this.#life.look();
  }

  async #named(name: string, done: Promise<void> | void): Promise<void> {
    this.#life.tell(name);
    await done;
  }

  async #sleepForDays(): Promise<void> {
    const { machine } = this.#life.host;
    const midnightMs = Math.ceil(machine.trueMs / DAY_MS) * DAY_MS;
    await this.#life.sleepForDays(midnightMs + Math.floor(this.#life.between(1, 4)) * DAY_MS + 12 * HOUR_MS);
  }

  async #dieOfBattery(): Promise<void> {
    const wallMs = this.#life.choose(DEAD_BATTERY_MS) ?? 0;
    this.#correctedAtMs = this.#life.host.machine.trueMs + this.#life.between(0.1, 30) * HOUR_MS;
    await this.#life.host.reboot(this.#life.between(0.05, 3) * HOUR_MS, wallMs);
    this.#life.noteClock();
    if (this.#life.chance(0.5)) await this.#life.host.comeDue();
  }

  async #step(byMs: number, hoursMax: number): Promise<void> {
    this.#correctedAtMs = this.#life.host.machine.trueMs + this.#life.between(1, hoursMax) * HOUR_MS;
    await this.#life.host.jump(byMs);
    this.#life.noteClock();
    if (this.#life.chance(0.5)) await this.#life.host.comeDue();
  }

  /** It is set right within the day: for longer, no clock is doubted. */
  async #stepFar(): Promise<void> {
    const { host } = this.#life;
    await this.#step(this.#life.between(20, 4_000) * DAY_MS, 4);
    if (this.#life.chance(0.5)) await host.comeDue();
  }

  #touchMany(): void {
    const { files, host } = this.#life;
    const project = this.#life.choose(this.#here())?.project;
    for (const session of this.#here()) if (session.project === project) files.touch(session, host.machine.wallMs);
  }

  /** A sync tool that has found two versions of one file. */
  #copyInConflict(): void {
    const session = this.#life.choose(this.#here());
    if (session === undefined) return;
    const { files } = this.#life;
    const path = files.transcriptOf(session);
    const copy = path.replace(/\.jsonl$/, `.sync-conflict-20260301-${this.#life.day}-ABCDEF.jsonl`);
    const content = session.files.get(path)?.content ?? '';
    files.leave(copy, content.slice(0, content.length / 2), this.#life.host.machine.wallMs);
  }

  async #bringBackProject(): Promise<void> {
    const session = this.#life.choose([...(this.#snapshot?.sessions.keys() ?? [])]);
    if (session !== undefined) await this.#bringBack(({ project }) => project === session.project);
  }

  /** Sessions that are not there come back as they were when the copy was made; what is there is newer, and stays. */
  async #bringBack(isMeant: (session: Pick<LifeSession, 'project'>) => boolean): Promise<void> {
    const { files, watch } = this.#life;
    const known = this.#here().length;
    let back = 0;
    for (const [session, then] of this.#snapshot?.sessions ?? []) {
      if (!isMeant(then) || watch.isHere(session)) continue;
      back += 1;
      session.project = then.project;
      files.bringBack(session, then.files);
      watch.noteBack(session, false);
    }
    // With what would go anyway that may be most of the tree.
    if (back > known * NOTICEABLE_SHARE) this.#life.excuse();
  }

  #takeSnapshot(): void {
    const copies = this.#here().map(
      (session) => [session, { project: session.project, files: session.files }] as const,
    );
    this.#snapshot = { day: this.#life.day, sessions: new Map(copies) };
  }

  async #loseLedger(): Promise<void> {
    this.#life.files.forgetTrueTimes(this.#here());
    await this.#life.host.loseState('ledger');
  }

  async #loseState(): Promise<void> {
    this.#life.map.isLost = true;
    this.#life.files.forgetTrueTimes(this.#here());
    await this.#life.host.loseState('all');
  }

  /** Rows and pins are made anew by those who know of them, and then somebody says that all is right. */
  async #mendState(): Promise<void> {
    const { host, map } = this.#life;
    await map.mend(host.machine.wallMs);
    const pinned = this.#here().filter(({ isPinned }) => isPinned);
    if (pinned.length > 0) await host.command('pin', ...pinned.map(({ id }) => id));
    await host.allow();
    this.#life.look();
  }

  #here(): LifeSession[] {
    return this.#life.files.sessions.filter((session) => this.#life.watch.isHere(session));
  }
}
