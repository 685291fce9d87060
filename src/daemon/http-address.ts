/** Where the daemon listens, and for whom: another address takes over once it can be listened on, and where it cannot, the one before stays. */

import { isDeepStrictEqual } from 'node:util';
import { isOpenToAll } from '../config/http-settings.ts';
import { type ListenAddress, showListen } from '../config/values.ts';
import type { Logger } from '../log.ts';
import type { HttpServer } from './http.ts';
import { HttpAccess, type ServingSettings } from './http-access.ts';

/** What was asked for, and is in force. */
interface Asked {
  readonly listen: ListenAddress;
  readonly access: HttpAccess;
  readonly isOpenToAll: boolean;
}

export class HttpAddress {
  readonly #start: (listen: ListenAddress, access: HttpAccess) => Promise<HttpServer>;
  readonly #log: Logger;
  /** Undefined where nothing that was asked for is in force. */
  #asked: Asked | undefined;
  #server: HttpServer | undefined;

  /** @param start listens, or throws */
  constructor(start: (listen: ListenAddress, access: HttpAccess) => Promise<HttpServer>, log: Logger) {
    this.#start = start;
    this.#log = log;
  }

  /** `HOST:PORT` as it came to be; undefined where nothing listens. */
  get shown(): string | undefined {
    const address = this.#server?.address;
    return address === undefined ? undefined : showListen({ host: address.address, port: address.port });
  }

  /**
   * Reads certificate and token anew, also where the settings have stayed: the files may have been renewed.
   * @throws OperatingError
   */
  async moveTo(settings: ServingSettings): Promise<void> {
    const { listen } = settings;
    if (listen === 'off') return await this.#leave();
    const next = { listen, access: HttpAccess.read(settings), isOpenToAll: isOpenToAll(settings) };
    const before = this.#asked;
    if (before !== undefined && isDeepStrictEqual(listen, before.listen) && isSecure(next) === isSecure(before)) {
      this.#server?.use(next.access);
      this.#asked = next;
    } else {
      const server = await this.#startBeside(next);
      await this.#leave();
      this.#server = server;
      this.#asked = next;
    }
    this.#tell(before, next);
  }

  #tell(before: Asked | undefined, { access, isOpenToAll }: Asked): void {
    const { certificate } = access;
    if (isOpenToAll && before?.isOpenToAll !== true)
      this.#log.warn({ listen: this.shown }, 'whoever reaches this address can read it: see http.token and http.tls');
    if (certificate === undefined || certificate.cert === before?.access.certificate?.cert) return;
    this.#log.info({ validTo: new Date(certificate.validToMs) }, 'HTTPS is served by this certificate from now on');
  }

  async close(): Promise<void> {
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#asked = undefined;
    await server?.close();
  }

  async #startBeside(next: Asked): Promise<HttpServer> {
    try {
      return await this.#start(next.listen, next.access);
    } catch (error) {
      if (this.#server === undefined || next.listen.port !== this.#server.address.port) throw error;
      return await this.#startInPlaceOf(this.#server, next);
    }
  }

  /** An address that takes in the one before, as 0.0.0.0 does 127.0.0.1, is in use by that. */
  async #startInPlaceOf(before: HttpServer, next: Asked): Promise<HttpServer> {
    const asked = this.#asked;
    await this.#leave();
    try {
      return await this.#start(next.listen, next.access);
    } catch (error) {
      if (asked !== undefined) {
        this.#server = await this.#start({ host: before.address.address, port: before.address.port }, asked.access);
        this.#asked = asked;
      }
      throw error;
    }
  }
}

function isSecure({ access }: Asked): boolean {
  return access.certificate !== undefined;
}
