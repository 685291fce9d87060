/** Who is answered: only under a name that this host goes by, and, where a token is set, only who knows it. */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { type AccessSettings, isLoopback, TOKEN_LENGTH_MIN } from '../config/http-settings.ts';
import type { Settings } from '../config/settings.ts';
import { type Certificate, readCertificate } from '../files/certificate.ts';
import { readSecretFile } from '../files/secret-file.ts';

export type ServingSettings = AccessSettings & Pick<Settings, 'http.hosts'>;

export class HttpAccess {
  /** Undefined where HTTP is spoken as it is. */
  readonly certificate: Certificate | undefined;
  /** In lower case; undefined where every name is answered. */
  readonly #names: readonly string[] | undefined;
  /** Of the token, so that what is compared is of one length. */
  readonly #tokenDigest: Buffer | undefined;

  private constructor(
    certificate: Certificate | undefined,
    names: readonly string[] | undefined,
    token: string | undefined,
  ) {
    this.certificate = certificate;
    this.#names = names;
    this.#tokenDigest = token === undefined ? undefined : digest(token);
  }

  /** @throws OperatingError naming the file that cannot be read, or holds something else */
  static read(settings: ServingSettings): HttpAccess {
    const { 'http.tls': tls, 'http.token': token, 'http.tokenFile': tokenFile } = settings;
    return new HttpAccess(
      tls === 'off' ? undefined : readCertificate(tls),
      namesOf(settings),
      tokenFile !== 'off' ? readSecretFile(tokenFile, TOKEN_LENGTH_MIN) : token !== 'off' ? token : undefined,
    );
  }

  /**
   * Whether the name by which a client calls this server is one of its own: a page of another site, whose name was led to this address
   * meanwhile, calls it by that name. An address is no name that anybody could lead elsewhere; and no browser leaves the name out.
   */
  isOwnName(host: string | undefined): boolean {
    if (this.#names === undefined || host === undefined) return true;
    const name = /^\[([^\]]*)\](?::\d*)?$/.exec(host)?.[1] ?? host.replace(/:\d*$/, '');
    return isIP(name) !== 0 || this.#names.includes(name.toLowerCase());
  }

  /** Whether a client may read everything: it knows the token, or there is none. */
  mayRead({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
    if (this.#tokenDigest === undefined) return true;
    const given = tokenIn(headers.authorization);
    return given !== undefined && timingSafeEqual(digest(given), this.#tokenDigest);
  }
}

function namesOf({ listen, 'http.hosts': hosts }: ServingSettings): readonly string[] | undefined {
  if (listen === 'off' || (!isLoopback(listen) && hosts.length === 0)) return undefined;
  return ['localhost', listen.host.toLowerCase(), ...hosts];
}

/** As a bearer, or as the password of any user: a browser asks a person for that. */
function tokenIn(authorization = ''): string | undefined {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+)$/.exec(authorization) ?? [];
  if (/^bearer$/i.test(scheme)) return value;
  if (!/^basic$/i.test(scheme)) return undefined;
  return /^[^:]*:(.*)$/s.exec(Buffer.from(value, 'base64').toString('utf8'))?.[1];
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
