/** A server of the host's that says which sessions are live. */

import type { Clock } from '../../clock.ts';
import { DEFAULT_TIMEOUT_MS, type HttpSettings } from '../../config/source-settings.ts';
import { errorMessage, OperatingError } from '../../errors.ts';
import { readSecretFile } from '../../files/secret-file.ts';
import type { LiveReading } from '../live-source.ts';
import { ANSWER_BYTES_MAX, parseAnswer } from './answer.ts';
import { getWhole } from './http-answer.ts';

/** Remembers the last whole answer for as long as it is asked again and again; a server that says so need not send it anew. */
export class HttpAsker {
  readonly #settings: HttpSettings;
  readonly #clock: Clock;
  readonly #stop: AbortSignal | undefined;
  #last: { readonly text: string; readonly isCounted: boolean; readonly etag: string } | undefined;

  constructor(settings: HttpSettings, clock: Clock, stop: AbortSignal | undefined) {
    this.#settings = settings;
    this.#stop = stop;
    this.#clock = clock;
  }

  /** @throws OperatingError; what the URL asks with, and the token, stand in none */
  async read(): Promise<LiveReading> {
    const what = `get the answer of ${this.#settings.name}`;
    const { text, isCounted } = await this.#whole().catch((error: unknown) => {
      if (error instanceof OperatingError) throw error;
      throw new OperatingError('unavailable', `${what}: ${errorMessage(error)}`);
    });
    try {
      return parseAnswer(text, { nowMs: this.#clock.now(), isCounted });
    } catch (error) {
      throw new OperatingError('bad-data', `${what}: ${errorMessage(error)}`, { cause: error });
    }
  }

  async #whole(): Promise<{ readonly text: string; readonly isCounted: boolean }> {
    const { url, timeout = DEFAULT_TIMEOUT_MS } = this.#settings;
    const last = this.#last;
    const question = { url, token: this.#token(), etag: last?.etag };
    const bounds = { timeoutMs: timeout, bytesMax: ANSWER_BYTES_MAX, stop: this.#stop };
    const answer = await getWhole(question, bounds);
    if (answer.kind === 'unchanged') {
      if (last === undefined) throw new Error('it says that nothing has changed since an answer that was never given');
      return last;
    }
    const { body, etag, isCounted } = answer;
    const whole = { text: new TextDecoder('utf-8', { fatal: true }).decode(body), isCounted };
    this.#last = etag === undefined ? undefined : { ...whole, etag };
    return whole;
  }

  #token(): string | undefined {
    const { tokenFile } = this.#settings;
    return tokenFile === undefined ? undefined : readSecretFile(tokenFile);
  }
}
