/** Where the daemon listens: another address takes over once it can be listened on, and where it cannot, the one before stays. */

import { isDeepStrictEqual } from 'node:util';
import type { Settings } from '../config/settings.ts';
import { type ListenAddress, showListen } from '../config/values.ts';
import type { HttpServer } from './http.ts';

type Listen = Settings['listen'];

export class HttpAddress {
  readonly #start: (listen: ListenAddress) => Promise<HttpServer>;
  /** As it was asked for; undefined where nothing that was asked for is in force. */
  #asked: Listen | undefined;
  #server: HttpServer | undefined;

  /** @param start listens, or throws */
  constructor(start: (listen: ListenAddress) => Promise<HttpServer>) {
    this.#start = start;
  }

  /** `HOST:PORT` as it came to be; undefined where nothing listens. */
  get shown(): string | undefined {
    const address = this.#server?.address;
    return address === undefined ? undefined : showListen({ host: address.address, port: address.port });
  }

  /** @throws OperatingError (`unavailable`) */
  async moveTo(listen: Listen): Promise<void> {
    if (isDeepStrictEqual(listen, this.#asked)) return;
    const next = listen === 'off' ? undefined : await this.#startBeside(listen);
    const before = this.#server;
    this.#server = next;
    this.#asked = listen;
    await before?.close();
  }

  async close(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  async #startBeside(listen: ListenAddress): Promise<HttpServer> {
    try {
      return await this.#start(listen);
    } catch (error) {
      if (this.#server === undefined || listen.port !== this.#server.address.port) throw error;
      return await this.#startInPlaceOf(this.#server, listen);
    }
  }

  /** An address that takes in the one before, as 0.0.0.0 does 127.0.0.1, is in use by that. */
  async #startInPlaceOf(before: HttpServer, listen: ListenAddress): Promise<HttpServer> {
    const asked = this.#asked;
    await before.close();
    this.#server = undefined;
    this.#asked = undefined;
    try {
      return await this.#start(listen);
    } catch (error) {
      this.#server = await this.#start({ host: before.address.address, port: before.address.port });
      this.#asked = asked;
      throw error;
    }
  }
}
