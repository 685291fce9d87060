/** SIGHUP: the configuration is read again, and takes the place of the old one as a whole or not at all. */

import type { Clock } from '../clock.ts';
import { changedSettings } from '../config/changes.ts';
import type { Config, ResolvedConfig } from '../config/config.ts';
import { errorKind, errorMessage } from '../errors.ts';
import { shownText } from '../format/shown-text.ts';
import type { Logger } from '../log.ts';
import type { Supervisor } from './supervisor.ts';

export interface ReloadOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Is told that it is at work, and that it is through. */
  readonly supervisor: Pick<Supervisor, 'reloading' | 'reloaded'>;
  /** The configuration as it stands now; rejects with what is wrong with it. */
  load(): Promise<ResolvedConfig>;
  inForce(): Config;
  /** Puts the new one in force; where it rejects, the old one still is. */
  apply(resolved: ResolvedConfig): Promise<void>;
}

/** How the last reading went, the one at the start included. */
export interface ReloadState {
  readonly isSuccessful: boolean;
  /** Unix epoch ms. */
  readonly lastSuccessAtMs: number;
}

export class Reload {
  readonly #options: ReloadOptions;
  #state: ReloadState;
  #atWork: Promise<void> | undefined;
  #isAskedAgain = false;
  #isClosed = false;

  /** A daemon that has come so far has read its configuration. */
  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#state = { isSuccessful: true, lastSuccessAtMs: options.clock.now() };
  }

  get state(): ReloadState {
    return this.#state;
  }

  /** Never rejects. However often it is asked for meanwhile, it is done once more. */
  ask(): void {
    if (this.#isClosed) return;
    this.#isAskedAgain = true;
    this.#atWork ??= this.#work();
  }

  /** Settles when none is at work, and none will be. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#atWork;
  }

  async #work(): Promise<void> {
    while (this.#isAskedAgain && !this.#isClosed) {
      this.#isAskedAgain = false;
      this.#options.supervisor.reloading();
      await this.#once();
      this.#options.supervisor.reloaded();
    }
    this.#atWork = undefined;
  }

  async #once(): Promise<void> {
    const { log, load, inForce, apply, clock } = this.#options;
    let configFile: string | undefined;
    try {
      const resolved = await load();
      configFile = resolved.configFile;
      const changed = changedSettings(inForce(), resolved.config);
      await apply(resolved);
      this.#state = { isSuccessful: true, lastSuccessAtMs: clock.now() };
      const isChanged = Object.keys(changed).length > 0;
      const fields = { configFile: configFile ?? null, ...(isChanged ? { changed } : {}) };
      log.info(fields, isChanged ? 'configuration reloaded' : 'configuration reloaded: nothing has changed');
    } catch (error) {
      this.#state = { ...this.#state, isSuccessful: false };
      const faults = errorMessage(error).split('\n').map(shownText);
      const unforeseen = errorKind(error) === 'internal' ? { err: error } : {};
      log.error(
        { ...(configFile === undefined ? {} : { configFile }), faults, ...unforeseen },
        'configuration refused: the old one stays in force',
      );
    }
  }
}
