/** Who may read what the daemon serves: under which names, with which token, by which certificate. */

import type { CertificateFiles } from '../files/certificate.ts';
import { type Fields, recordOf } from './records.ts';
import { absolutePath, type ListenAddress, type Parser, parser, refused } from './values.ts';

/** Shorter ones are found by trying. */
export const TOKEN_LENGTH_MIN = 16;
const TOKEN = `[\\x21-\\x7e]{${TOKEN_LENGTH_MIN},1024}`;
const token = new RegExp(`^${TOKEN}$`);
const HOST_NAME = '[A-Za-z0-9]([A-Za-z0-9-.]{0,251}[A-Za-z0-9])?';
const hostName = new RegExp(`^${HOST_NAME}$`);

export const secretToken: Parser<string> = parser({ type: 'string', pattern: `^(off|${TOKEN})$` }, (raw) => {
  if (raw === 'off') return { value: raw };
  return typeof raw === 'string' && token.test(raw)
    ? { value: raw }
    : refused(`expected ${TOKEN_LENGTH_MIN} characters at least, without white space, or off`);
});

/** @param home what a leading `~/` stands for */
export function pathOrOff(home: string): Parser<string> {
  const path = absolutePath(home);
  return parser({ anyOf: [path.schema, { const: 'off' }] }, (raw) => {
    const parsed = raw === 'off' ? { value: raw } : path(raw);
    return 'value' in parsed ? parsed : refused("expected an absolute path without '..', or off");
  });
}

/** @param home what a leading `~/` stands for */
export function certificateOrOff(home: string): Parser<CertificateFiles | 'off'> {
  const path = { parse: absolutePath(home), isOptional: false } as const;
  const fields: Fields<CertificateFiles> = { cert: path, key: path };
  const record = recordOf<CertificateFiles>(fields);
  const schema = { anyOf: [record.schema, { const: 'off' }] };
  return parser<CertificateFiles | 'off'>(schema, (raw) => (raw === 'off' ? { value: raw } : record(raw)));
}

/** A list in the file, repeated flags, or one text with commas between. */
export const hostNames: Parser<readonly string[]> = parser(
  {
    anyOf: [
      { type: 'array', items: { type: 'string', pattern: `^${HOST_NAME}$` }, minItems: 1 },
      { type: 'string', pattern: `^${HOST_NAME}(,${HOST_NAME})*$` },
    ],
  },
  (raw) => {
    const names: readonly unknown[] = typeof raw === 'string' ? raw.split(',') : Array.isArray(raw) ? raw : [];
    const value = names.filter((name) => typeof name === 'string' && hostName.test(name)) as string[];
    const isWhole = value.length === names.length && value.length > 0;
    return isWhole
      ? { value: value.map((name) => name.toLowerCase()) }
      : refused('expected names of hosts, without ports');
  },
);

export const PAGE_DETAILS = ['loopback', 'always', 'never'] as const;
export type PageDetails = (typeof PAGE_DETAILS)[number];

export const pageDetails: Parser<PageDetails> = parser<PageDetails>({ enum: PAGE_DETAILS }, (raw) => {
  const value = PAGE_DETAILS.find((one) => one === raw);
  return value === undefined ? refused(`expected one of ${PAGE_DETAILS.join(', ')}`) : { value };
});

/** Whether nobody but this host's own processes reaches it. */
export function isLoopback({ host }: ListenAddress): boolean {
  return /^(localhost|127(\.[0-9]{1,3}){3}|::1|::ffff:127(\.[0-9]{1,3}){3})$/i.test(host);
}

export interface AccessSettings {
  readonly listen: ListenAddress | 'off';
  readonly 'http.token': string;
  readonly 'http.tokenFile': string;
  readonly 'http.tls': CertificateFiles | 'off';
}

/** Whether whoever reaches the address may read it all, and whoever is on the way reads along. */
export function isOpenToAll(settings: AccessSettings): boolean {
  const { listen, 'http.token': token, 'http.tokenFile': tokenFile, 'http.tls': tls } = settings;
  return listen !== 'off' && !isLoopback(listen) && token === 'off' && tokenFile === 'off' && tls === 'off';
}

/** What is wrong with settings that are right one by one. */
export function accessFaults({ 'http.token': token, 'http.tokenFile': tokenFile }: Partial<AccessSettings>): string[] {
  const isTwice = (token ?? 'off') !== 'off' && (tokenFile ?? 'off') !== 'off';
  return isTwice ? ['http.tokenFile: there is http.token as well; give one of them'] : [];
}
