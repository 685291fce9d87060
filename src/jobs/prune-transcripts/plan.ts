/** Decides, for every unit, whether it stays and why. Pure: no clock, no disk, and the order of its input does not matter. */

import { DOUBTS, type Units, withTimes } from '../../claude-dir/unit.ts';
import { PROTECTIONS, type Protection } from '../../live-sources/live-source.ts';
import { AgeRules, type FactsOf, type PrunePolicy, policyByProject } from './age-rules.ts';
import { rankedInProjects } from './keep-last.ts';
import { overSizeRows } from './size-cap.ts';

/** Why a unit stays. */
export const KEEP_REASONS = [
  ...PROTECTIONS,
  'tagged',
  'named',
  'copy-kept',
  ...DOUBTS,
  'future-mtime',
  'senseless-mtime',
  'too-young',
  'keep-last',
  'class-retention',
  'within-retention',
  'announced',
] as const;
export type KeepReason = (typeof KEEP_REASONS)[number];

/** Why a unit goes; `asked`: somebody has named it. */
export const REMOVE_REASONS = ['expired', 'over-size', 'orphan', 'asked'] as const;
export type RemoveReason = (typeof REMOVE_REASONS)[number];

/** What protects each unit beside its own state; by the rows of the units. */
export interface Protections {
  /** What the live sources say. */
  protection(row: number): Protection | undefined;
  readonly facts: FactsOf;
  /** Since when it is announced to go, as earlier runs have written it down, Unix epoch ms. */
  announcedAtMs?(row: number): number | undefined;
  /** Of one in a session store: whether a directory keeps another copy of it. */
  readonly isCopyKept?: (row: number) => boolean;
}

/** One verdict a unit. */
export interface Plan {
  readonly length: number;
  reason(row: number): KeepReason | RemoveReason;
  isRemoval(row: number): boolean;
  /** Whether the transcript has to be looked into before the verdict stands. */
  asksForFacts(row: number): boolean;
  /** How long it may stay by its project and, as far as that is known, its class; infinite for ever. */
  maxAgeMs(row: number): number;
  /** By its files or by what stands in them, whichever is younger, Unix epoch ms. */
  lastUsedMs(row: number): number;
  /** Since when it is announced to go, Unix epoch ms; undefined where it is not due, or no notice is given. */
  announcedAtMs(row: number): number | undefined;
  /** Claude's own clean-up spares it as well. */
  isSparedByClaude(row: number): boolean;
}

/**
 * By the order of their ids where nothing else decides, so that the order of the rows never does.
 * @param freeableBytes what is free on the file system, and what its trash will free; undefined where that cannot be told
 */
export function planPrune(
  onDisk: Units,
  protections: Protections,
  policy: PrunePolicy,
  nowMs: number,
  freeableBytes?: number,
): Plan {
  const units = lastUsed(onDisk, protections);
  const policyOf = policyByProject(units, policy);
  const ageRules = new AgeRules(units, protections.facts, policy, policyOf);
  const verdicts = new Verdicts(units, ageRules);
  const { only } = policy;
  for (let row = 0; row < units.length; row += 1) {
    const ageVerdict = () => (only === undefined ? ageRules.verdict(row, nowMs) : askedVerdict(only, units, row));
    verdicts.set(row, keepReasonOf(units, row, protections, policy, nowMs) ?? ageVerdict());
    if (only === undefined && ageRules.mayExpireByClass(row, nowMs)) verdicts.askFor(row);
  }
  if (only !== undefined) return verdicts;
  for (const { row, isKept } of rankedInProjects(units, policyOf, protections.facts)) {
    verdicts.askFor(row);
    if (isKept && isByAge(verdicts.reason(row))) verdicts.set(row, 'keep-last');
  }
  const mayGo = (row: number) => verdicts.reason(row) === 'within-retention' && !ageRules.isSparedBySizeCap(row);
  for (const row of overSizeRows(units, verdicts, mayGo, policy, freeableBytes)) verdicts.set(row, 'over-size');
  if (policy.noticeMs !== undefined) giveNotice(units, verdicts, protections, policy.noticeMs, nowMs);
  return verdicts;
}

/** What is due stays until it was announced for long enough; what was used since, or announced by a clock of the future, is announced anew. */
function giveNotice(units: Units, verdicts: Verdicts, protections: Protections, noticeMs: number, nowMs: number): void {
  for (let row = 0; row < units.length; row += 1) {
    if (!verdicts.isRemoval(row)) continue;
    const writtenMs = protections.announcedAtMs?.(row) ?? Number.NaN;
    const holds = writtenMs <= nowMs && writtenMs >= units.newestMtimeMs(row);
    const announcedAtMs = holds ? writtenMs : nowMs;
    verdicts.announce(row, announcedAtMs);
    if (holds && nowMs - announcedAtMs >= noticeMs) continue;
    // Whatever may keep it after all is looked for before it is announced.
    verdicts.askFor(row);
    verdicts.set(row, 'announced');
  }
}

function askedVerdict(only: ReadonlySet<string>, units: Units, row: number): 'asked' | 'within-retention' {
  return only.has(units.sessionId(row)) ? 'asked' : 'within-retention';
}

/** As young as they are by their files or by what stands in them: the younger one counts, since either may be of another making. */
function lastUsed(units: Units, { facts }: Protections): Units {
  // They are asked for several times each, and what is computed anew is a new number in memory.
  const timesMs = new Float64Array(units.length);
  for (let row = 0; row < units.length; row += 1) {
    timesMs[row] = Math.max(units.newestMtimeMs(row), facts(row)?.lastEntryMs ?? Number.NEGATIVE_INFINITY);
  }
  return withTimes(units, (row) => timesMs[row] ?? Number.NaN);
}

const REASONS: readonly (KeepReason | RemoveReason)[] = [...KEEP_REASONS, ...REMOVE_REASONS];
const FIRST_REMOVAL = KEEP_REASONS.length;
const CODES: ReadonlyMap<string, number> = new Map(REASONS.map((reason, code) => [reason, code]));

/** A byte a unit. */
class Verdicts implements Plan {
  readonly #reasons: Uint8Array;
  readonly #asks: Uint8Array;
  readonly #units: Units;
  readonly #ageRules: AgeRules;
  readonly #announced = new Map<number, number>();

  constructor(units: Units, ageRules: AgeRules) {
    this.#units = units;
    this.#ageRules = ageRules;
    this.#reasons = new Uint8Array(units.length);
    this.#asks = new Uint8Array(units.length);
  }

  get length(): number {
    return this.#reasons.length;
  }

  set(row: number, reason: KeepReason | RemoveReason): void {
    const code = CODES.get(reason);
    if (code === undefined) throw new Error(`${reason} is no reason of a plan`);
    this.#reasons[row] = code;
  }

  reason(row: number): KeepReason | RemoveReason {
    const reason = REASONS[this.#reasons[row] ?? -1];
    if (reason === undefined) throw new Error(`no verdict on row ${row}`);
    return reason;
  }

  isRemoval(row: number): boolean {
    return (this.#reasons[row] ?? 0) >= FIRST_REMOVAL;
  }

  maxAgeMs(row: number): number {
    return this.#ageRules.maxAgeMs(row);
  }

  lastUsedMs(row: number): number {
    return this.#units.newestMtimeMs(row);
  }

  isSparedByClaude(row: number): boolean {
    return this.#ageRules.isSparedByClaude(row);
  }

  announce(row: number, atMs: number): void {
    this.#announced.set(row, atMs);
  }

  announcedAtMs(row: number): number | undefined {
    return this.#announced.get(row);
  }

  askFor(row: number): void {
    this.#asks[row] = 1;
  }

  asksForFacts(row: number): boolean {
    return this.isRemoval(row) || this.#asks[row] === 1;
  }
}

/** What no retention can overrule. The order is that of what an operator most wants to know. */
function keepReasonOf(
  units: Units,
  row: number,
  protections: Protections,
  policy: PrunePolicy,
  nowMs: number,
): KeepReason | undefined {
  const protection = protections.protection(row) ?? units.doubt(row) ?? protections.facts(row)?.mark;
  if (protection !== undefined) return protection;
  if (protections.isCopyKept?.(row)) return 'copy-kept';
  const newestMtimeMs = units.newestMtimeMs(row);
  if (newestMtimeMs > nowMs) return 'future-mtime';
  // Written so that a time which is no number at all is senseless too.
  if (!(newestMtimeMs >= policy.earliestMtimeMs)) return 'senseless-mtime';
  if (nowMs - newestMtimeMs < policy.minAgeMs) return 'too-young';
  return undefined;
}

const AGE_REASONS: ReadonlySet<string> = new Set<KeepReason>([
  ...(['within-retention', 'class-retention', 'keep-last', 'too-young', 'announced'] as const),
]);

/** Whether one that stays does so by its age or its rank alone: nothing is known of it that names it. */
export function isKeptByAge(reason: KeepReason | RemoveReason): boolean {
  return AGE_REASONS.has(reason);
}

function isByAge(reason: KeepReason | RemoveReason): boolean {
  return reason === 'within-retention' || reason === 'class-retention' || reason === 'expired' || reason === 'orphan';
}
