/**
 * Knows what a simulated host wants, by what has befallen the host alone, and looks for it on disk with plain node:fs: never by what the worker
 * says of itself. Too much that stays is a fault as well.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '../../support/tree.ts';
import { trashRuns } from '../oracle.ts';
import type { LifeResumeMap } from './resume-map.ts';
import { contentOf, type LifeSession, lastUsedMs, type SessionFiles } from './session-files.ts';

export const TRASH_KEEP_MS = 7 * DAY_MS;
/** More than a look takes: what expires during one may be judged either way. */
const TOLERANCE_MS = 120_000;
/** By then a prune a day, with its portions and a guard that holds it for a day, has taken all that was nobody's. */
const OVERSTAY_DAYS = 8;

export interface LifeRules {
  readonly maxAgeMs: number;
  readonly keepNamed: boolean;
}

/** One as it was removed. */
interface Version {
  readonly session: LifeSession;
  readonly files: LifeSession['files'];
  readonly sinceMs: number;
  readonly sinceDay: number;
  /** That it lies there for too long has been said. */
  isSaid: boolean;
}

interface Fate {
  place: 'here' | 'trashed' | 'gone';
  /** Since when somebody has asked for it by name without a break; true time. */
  namedSinceMs: number | undefined;
  /** The day of the worker on which nothing kept it any more. */
  unwantedSinceDay: number | undefined;
}

export interface Moment {
  readonly trueMs: number;
  /** By how much the wall clock was ahead within the last day, at the most. */
  readonly aheadMs: number;
  /** Days on which nothing kept the worker from its work, so far. */
  readonly workerDay: number;
}

export class LifeWatch {
  /** One sentence for each wanted session or row that is lost. */
  readonly losses: string[] = [];
  /** The same for what stays and should not, and for what is not whole. */
  readonly others: string[] = [];
  /** Sessions that Claude has deleted, since they were kept by their age alone or no worker was awake. */
  deletedByClaude = 0;
  readonly #files: SessionFiles;
  readonly #map: LifeResumeMap;
  readonly #rules: LifeRules;
  readonly #fates = new Map<LifeSession, Fate>();
  /** What lies in the trash, and is to lie there until its time is over. */
  #versions: Version[] = [];
  #removed = 0;

  constructor(files: SessionFiles, map: LifeResumeMap, rules: LifeRules) {
    this.#files = files;
    this.#map = map;
    this.#rules = rules;
  }

  get removed(): number {
    return this.#removed;
  }

  isHere(session: LifeSession): boolean {
    return this.#fateOf(session).place === 'here';
  }

  /** What is in the trash once, as it was last. */
  canBeRestored(session: LifeSession): boolean {
    if (this.#fateOf(session).place !== 'trashed') return false;
    return this.#versions.filter((version) => version.session === session).length === 1;
  }

  /** It was brought back by somebody, from the trash or from elsewhere. @param isRestored from the trash, which holds it no more */
  noteBack(session: LifeSession, isRestored: boolean): void {
    Object.assign(this.#fateOf(session), { place: 'here', namedSinceMs: undefined, unwantedSinceDay: undefined });
    if (isRestored) this.#versions = this.#versions.filter((version) => version.session !== session);
  }

  /** Holds all that is there against all that is to be there. */
  look(moment: Moment): void {
    const runs = trashRuns(this.#files.claudeDir);
    const rows = this.#map.read();
    for (const fault of this.#map.lostRows(rows, moment, (id) => this.#isTranscriptHere(id))) this.losses.push(fault);
    const named = new Set(rows.values());
    for (const session of this.#files.sessions) {
      const fate = this.#fateOf(session);
      if (fate.place === 'here') this.#judgeHere(session, fate, { moment, runs, named });
    }
    this.#judgeTrash(runs, named, moment);
    for (const [path, content] of this.#files.others) {
      if (contentOf(join(this.#files.claudeDir, path)) === content) continue;
      this.#files.others.delete(path);
      this.losses.push(`${path}, which is no session's, is not there as it was`);
    }
    for (const session of this.#files.sessions) this.#noteWanted(session, named, moment);
  }

  /** @param lastGoodPruneMs true time; undefined where no worker was at work lately, or the clock was wrong */
  noteDeletedByClaude(deleted: ReadonlySet<string>, lastGoodPruneMs: number | undefined): void {
    for (const path of deleted) this.#files.others.delete(path);
    for (const session of this.#files.sessions) {
      const fate = this.#fateOf(session);
      const gone = [...session.files.keys()].filter((path) => deleted.has(path));
      if (gone.length === 0 || fate.place !== 'here') continue;
      const { namedSinceMs = Number.POSITIVE_INFINITY } = fate;
      if (lastGoodPruneMs !== undefined && namedSinceMs < lastGoodPruneMs)
        this.losses.push(
          `${this.#said(session)}: Claude has deleted ${gone.join(', ')}, which the shield should cover`,
        );
      else this.deletedByClaude += 1;
      session.files = new Map([...session.files].filter(([path]) => !deleted.has(path)));
      if (!session.files.has(this.#files.transcriptOf(session))) fate.place = 'gone';
    }
  }

  #judgeHere(
    session: LifeSession,
    fate: Fate,
    { moment, runs, named }: { moment: Moment; runs: readonly string[]; named: ReadonlySet<string> },
  ): void {
    if (existsSync(join(this.#files.claudeDir, this.#files.transcriptOf(session)))) {
      for (const path of this.#wrongIn([this.#files.claudeDir], session.files))
        this.losses.push(`${this.#said(session)}: ${path} is not there as it was`);
      return;
    }
    const wants = this.#wants(session, named, moment);
    if (wants !== undefined) this.losses.push(`${this.#said(session)}: removed though ${wants}`);
    const wrong = this.#wrongIn(runs, session.files);
    if (wrong.length > 0) this.losses.push(`${this.#said(session)}: ${wrong.join(', ')} neither here nor in the trash`);
    fate.place = wrong.length > 0 ? 'gone' : 'trashed';
    if (fate.place === 'gone') return;
    this.#removed += 1;
    const { trueMs: sinceMs, workerDay: sinceDay } = moment;
    this.#versions = this.#versions.filter((other) => other.session !== session || !isSame(other.files, session.files));
    this.#versions.push({ session, files: session.files, sinceMs, sinceDay, isSaid: false });
  }

  /** Whether somebody would be angry. @returns why */
  #wants(session: LifeSession, named: ReadonlySet<string>, moment: Moment): string | undefined {
    const byName = this.#nameOf(session, moment);
    if (byName !== undefined) return byName;
    if (named.has(session.id)) return 'a row names it';
    const usedMs = lastUsedMs(session);
    if (usedMs === undefined) return 'its time makes no sense';
    if (session.entrypoint === 'claude-desktop') return 'it is one of Desktop';
    const ageMs = moment.trueMs - usedMs;
    const isYoung = ageMs < this.#rules.maxAgeMs - moment.aheadMs - TOLERANCE_MS;
    return isYoung ? `it was used ${days(ageMs)} ago` : undefined;
  }

  #nameOf(session: LifeSession, moment: Moment): string | undefined {
    if (session.isPinned) return 'it is pinned';
    if (session.isTagged) return 'it is tagged';
    if (session.isRunning) return 'it runs';
    if (session.isTitled && this.#rules.keepNamed) return 'it has a title';
    return this.#map.isLive(session.id, moment) ? 'its row was used lately' : undefined;
  }

  #judgeTrash(runs: readonly string[], named: ReadonlySet<string>, moment: Moment): void {
    const roots = [this.#files.claudeDir, ...runs];
    this.#versions = this.#versions.filter((version) => {
      const { session, files, sinceMs, sinceDay } = version;
      const lainMs = moment.trueMs - sinceMs;
      const wrong = this.#wrongIn(roots, files);
      if (wrong.length === 0) {
        const isDue = moment.workerDay - sinceDay > OVERSTAY_DAYS + TRASH_KEEP_MS / DAY_MS && !named.has(session.id);
        if (isDue && !version.isSaid) this.others.push(`${this.#said(session)}: ${days(lainMs)} in the trash`);
        version.isSaid ||= isDue;
        return true;
      }
      const fate = this.#fateOf(session);
      if (fate.place === 'trashed') fate.place = 'gone';
      if (lainMs < TRASH_KEEP_MS - TOLERANCE_MS)
        this.losses.push(`${this.#said(session)}: ${wrong.join(', ')} destroyed after ${days(lainMs)} in the trash`);
      return false;
    });
  }

  #noteWanted(session: LifeSession, named: ReadonlySet<string>, moment: Moment): void {
    const fate = this.#fateOf(session);
    if (fate.place !== 'here') return;
    fate.namedSinceMs = this.#nameOf(session, moment) === undefined ? undefined : (fate.namedSinceMs ?? moment.trueMs);
    if (this.#wants(session, named, { ...moment, aheadMs: 0 }) !== undefined) fate.unwantedSinceDay = undefined;
    else fate.unwantedSinceDay ??= moment.workerDay;
    const overstays = moment.workerDay - (fate.unwantedSinceDay ?? moment.workerDay);
    if (overstays !== OVERSTAY_DAYS) return;
    fate.unwantedSinceDay = moment.workerDay + 1;
    this.others.push(
      `${this.#said(session)}: nobody has wanted it for ${overstays} days of the worker, and it is here`,
    );
  }

  #wrongIn(roots: readonly string[], files: LifeSession['files']): string[] {
    const isThere = (path: string, content: string) => roots.some((root) => contentOf(join(root, path)) === content);
    return [...files].filter(([path, { content }]) => !isThere(path, content)).map(([path]) => path);
  }

  #isTranscriptHere(id: string): boolean {
    const session = this.#files.sessions.find((other) => other.id === id);
    return session !== undefined && this.isHere(session);
  }

  #fateOf(session: LifeSession): Fate {
    const known = this.#fates.get(session);
    if (known !== undefined) return known;
    const fate: Fate = { place: 'here', namedSinceMs: undefined, unwantedSinceDay: undefined };
    this.#fates.set(session, fate);
    return fate;
  }

  #said({ id, entrypoint }: LifeSession): string {
    return `${entrypoint} session ${id.slice(-4)}`;
  }
}

function isSame(left: LifeSession['files'], right: LifeSession['files']): boolean {
  return left.size === right.size && [...left].every(([path, { content }]) => right.get(path)?.content === content);
}

function days(durationMs: number): string {
  return `${(durationMs / DAY_MS).toFixed(1)} days`;
}
