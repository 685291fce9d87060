/** What `doctor` says of one thing that it looked at. */

export interface Finding {
  /** What was looked at, e.g. `clean-up period`: the same word for the same check, whatever comes of it. */
  readonly check: string;
  /** `problem`: something needs doing. `notice`: worth knowing. */
  readonly level: 'ok' | 'notice' | 'problem';
  /** What is the matter; names as `displayName` gives them. */
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}
