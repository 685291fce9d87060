/** What Claude's own clean-up would take: of one Claude directory, and of all together, as logs, figures and people are shown it. */

/** What Claude's own clean-up would delete of one Claude directory although this configuration keeps it. */
export interface Exposure {
  /** How long Claude lets a file be; undefined where it deletes nothing in the life of a program. */
  readonly periodDays?: number;
  readonly sessions: number;
  /** Those among them that somebody asked to keep by name. */
  readonly wanted: number;
  /** Why they are kept. */
  readonly byReason: Readonly<Record<string, number>>;
  /** Those over whom the shield is to be held, and cannot be, since something in them is not ours to touch. */
  readonly unshieldable: number;
  /** Those over whom the next prune holds the shield, if Claude does not come first. */
  readonly notYetShielded: number;
  readonly oldest?: {
    readonly sessionId: string;
    /** Unix epoch ms. */
    readonly writtenAtMs: number;
  };
  /** The first goes with the first start of Claude from then on, Unix epoch ms. */
  readonly fromMs?: number;
  /** Sessions that nothing but the shield keeps from it, and when the first would go without it, Unix epoch ms. */
  readonly shielded: number;
  readonly shieldedUntilMs?: number;
}

export type ExposureByDirectory = Readonly<Record<string, Exposure>>;

export interface ExposedInAll {
  readonly sessions: number;
  readonly wanted: number;
}

/** Undefined where no Claude directory was looked at. */
export function exposedInAll(exposed: ExposureByDirectory | undefined): ExposedInAll | undefined {
  const exposures = Object.values(exposed ?? {});
  if (exposures.length === 0) return undefined;
  return {
    sessions: exposures.reduce((total, { sessions }) => total + sessions, 0),
    wanted: exposures.reduce((total, { wanted }) => total + wanted, 0),
  };
}
