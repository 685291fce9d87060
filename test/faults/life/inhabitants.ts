/** Who works on a simulated host: bots with a resume map, people, programs of the SDK, Desktop. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '../../support/tree.ts';
import type { Life } from './life.ts';
import type { LifeSession } from './session-files.ts';

const PROJECTS = ['-srv-app', '-srv-app--claude-worktrees-x', '-srv-other', '-home-ada-notes'];
const BOTS = ['architect', 'reviewer', 'builder'];
const CONVERSATIONS = 24;
const FIRST_SESSIONS = 40;
/** All of it old, and everybody's to keep. */
const NO_SESSIONS = [
  'projects/-srv-app/memory/MEMORY.md',
  'projects/-srv-app/notes.txt',
  'history.jsonl',
  'tasks/list/1.json',
];
/** How often a conversation goes on; some of them so seldom that its row is stale before. */
const PERIODS_DAYS = [0.5, 1, 1, 2, 5, 10, 20, 27, 29, 35, 50];

interface Conversation {
  readonly periodMs: number;
  session: LifeSession;
  /** True time. */
  nextMs: number;
}

export class Inhabitants {
  readonly #life: Life;
  readonly #conversations = new Map<string, Conversation>();
  #keys = 0;

  constructor(life: Life) {
    this.#life = life;
  }

  /** Sessions of all ages, before there was a worker. */
  async moveIn(): Promise<void> {
    const { files, watch, host } = this.#life;
    mkdirSync(host.place.stateDir, { mode: 0o700 });
    for (const path of NO_SESSIONS) files.leave(path, `${path}\n`, host.machine.wallMs - 400 * DAY_MS);
    for (let number = 0; number < FIRST_SESSIONS; number += 1) {
      const atMs = host.machine.wallMs - this.#life.between(0, 29) * DAY_MS;
      const session = files.begin(
        this.#project(),
        this.#life.choose(['cli', 'sdk-ts', 'claude-desktop']) ?? 'cli',
        atMs,
      );
      if (this.#life.chance(0.1)) files.tag(session, 'keep', atMs);
      if (this.#life.chance(0.1)) files.title(session, atMs);
    }
    for (let number = 0; number < CONVERSATIONS; number += 1) await this.#beginConversation();
    watch.look({ trueMs: host.machine.trueMs, aheadMs: 0, workerDay: 0 });
  }

  /** Half a day's work. */
  async work(): Promise<void> {
    await this.#bots();
    await this.#people();
    const { files, wallMs } = this.#now();
    for (let number = 0; number < 3; number += 1) {
      if (this.#life.chance(0.4)) files.begin(this.#project(), 'sdk-ts', wallMs);
    }
    if (this.#life.chance(0.15)) files.begin('-home-ada-desktop', 'claude-desktop', wallMs);
  }

  async #bots(): Promise<void> {
    const { map, host } = this.#life;
    for (const [key, conversation] of [...this.#conversations]) {
      const { trueMs, wallMs } = host.machine;
      // A bot whose memory is gone works for nobody until somebody has seen to that.
      if (map.isLost) return;
      if (conversation.nextMs > trueMs) continue;
      if (this.#life.chance(0.02)) {
        this.#conversations.delete(key);
        await map.drop(key, wallMs);
        continue;
      }
      await this.#goOn(key, conversation);
    }
    if (this.#life.chance(0.2)) await this.#beginConversation();
    // Nobody comes back to some of them.
    const key = this.#life.choose([...this.#conversations.keys()]);
    if (key !== undefined && this.#life.chance(0.1)) this.#conversations.delete(key);
  }

  async #goOn(key: string, conversation: Conversation): Promise<void> {
    const { files, watch, map } = this.#life;
    const { wallMs, trueMs } = this.#now();
    const isResumed = watch.isHere(conversation.session) && map.read().get(key) === conversation.session.id;
    if (isResumed) files.use(conversation.session, wallMs);
    else conversation.session = files.begin(this.#project(), 'sdk-ts', wallMs);
    await map.set(key, conversation.session.id, wallMs);
    conversation.nextMs = trueMs + conversation.periodMs * this.#life.between(0.8, 1.2);
  }

  async #beginConversation(): Promise<void> {
    this.#keys += 1;
    const key = `forgejo:${BOTS[this.#keys % BOTS.length]}:acme/app:${this.#keys}`;
    const { files, wallMs, trueMs } = this.#now();
    const periodMs = (this.#life.choose(PERIODS_DAYS) ?? 1) * DAY_MS;
    const session = files.begin(this.#project(), 'sdk-ts', wallMs);
    this.#conversations.set(key, { periodMs, session, nextMs: trueMs + periodMs * this.#life.random() });
    await this.#life.map.set(key, session.id, wallMs);
  }

  async #people(): Promise<void> {
    const { files, watch } = this.#life;
    const { wallMs } = this.#now();
    if (this.#life.chance(0.6)) {
      const session = files.begin(this.#project(), 'cli', wallMs);
      if (this.#life.chance(0.12)) files.title(session, wallMs);
    }
    const here = files.sessions.filter((session) => watch.isHere(session));
    const some = (share: number) => (this.#life.chance(share) ? this.#life.choose(here) : undefined);
    const resumed = some(0.3);
    if (resumed !== undefined) files.use(resumed, wallMs);
    const tagged = some(0.06);
    if (tagged !== undefined) files.tag(tagged, 'keep', wallMs);
    const untagged = this.#life.choose(here.filter(({ isTagged }) => isTagged));
    if (untagged !== undefined && this.#life.chance(0.02)) files.tag(untagged, '', wallMs);
    const renamed = some(0.05);
    if (renamed !== undefined && !renamed.isRunning) files.rename(renamed, this.#project());
    this.#beAtWork(here);
    await this.#pin(here);
    await this.#restore();
  }

  /** One session stays open on somebody's screen for days, whether or not anything happens in it. */
  #beAtWork(here: readonly LifeSession[]): void {
    const { claudeDir } = this.#life.host.place;
    const record = join(claudeDir, 'sessions', `${process.pid}.json`);
    const running = here.find(({ isRunning }) => isRunning);
    if (running !== undefined) {
      if (this.#life.chance(0.93)) return;
      running.isRunning = false;
      rmSync(record, { force: true });
    } else if (this.#life.chance(0.15)) {
      const session = this.#life.choose(here);
      if (session === undefined) return;
      session.isRunning = true;
      mkdirSync(join(claudeDir, 'sessions'), { recursive: true });
      const stat = readFileSync('/proc/self/stat', 'utf8');
      const procStart = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
      writeFileSync(
        record,
        JSON.stringify({ pid: process.pid, sessionId: session.id, procStart, kind: 'interactive' }),
      );
    }
  }

  async #pin(here: readonly LifeSession[]): Promise<void> {
    const { host } = this.#life;
    if (this.#life.chance(0.05)) {
      const session = this.#life.choose(here);
      if (session === undefined) return;
      const { code, stderr } = await host.command('pin', session.id);
      session.isPinned = true;
      if (code !== 0) host.faults.push(`pin ended with ${code}: ${stderr}`);
    }
    const pinned = this.#life.choose(here.filter(({ isPinned }) => isPinned));
    if (pinned === undefined || !this.#life.chance(0.02)) return;
    pinned.isPinned = false;
    const { code, stderr } = await host.command('unpin', pinned.id);
    if (code !== 0) host.faults.push(`unpin ended with ${code}: ${stderr}`);
  }

  /** What went comes back: to be kept, or to go on with it at once. */
  async #restore(): Promise<void> {
    if (!this.#life.chance(0.06)) return;
    const { host, watch, files } = this.#life;
    const session = this.#life.choose(files.sessions.filter((one) => watch.canBeRestored(one)));
    if (session === undefined) return;
    const isPinned = this.#life.chance(0.5);
    this.#life.tell(`restored ${session.id.slice(-4)}`);
    const { code, stderr } = await host.command('trash', 'restore', ...(isPinned ? ['--pin'] : []), session.id);
    if (code !== 0) {
      host.faults.push(`trash restore ended with ${code}: ${stderr}`);
      return;
    }
    watch.noteBack(session, true);
    session.isPinned = isPinned;
    if (!isPinned) files.use(session, host.machine.wallMs);
    this.#life.look();
  }

  #now() {
    const { host, files } = this.#life;
    const { wallMs, trueMs } = host.machine;
    return { files, wallMs, trueMs };
  }

  #project(): string {
    return this.#life.choose(PROJECTS) ?? '-srv-app';
  }
}
