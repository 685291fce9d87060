/** What was done on one Node and what failed there: failures are told at once, and all of it in one line at the end. */

export class Verdict {
  name: string;
  readonly failures: string[] = [];
  readonly #done: string[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /**
   * @param what was done, for the line at the end; may be empty
   * @param failures one sentence each
   */
  add(what: string, failures: readonly string[]): void {
    if (what !== '') this.#done.push(what);
    this.failures.push(...failures);
    if (what !== '') console.log(`… ${this.name}: ${what}`);
    for (const failure of failures) console.error(`${this.name} FAILED: ${failure}`);
  }

  get line(): string {
    return `${this.name}: ${this.#done.join(', ')}; ${this.failures.length} failed`;
  }
}
