/** Session stores in PostgreSQL, which several hosts share: where each is, and in whose form its entries are. */

import { shownPostgresUrl } from '../postgres/postgres-url.ts';
import { listOf } from './records.ts';
import { host, isSweptMap, optional, postgresUrl, required, type SourceSettings } from './source-settings.ts';
import { absolutePath, boolean, type Parser, parser, refused } from './values.ts';

/**
 * `sweeper`: ours. `entries`: rows numbered by `id`, with `created_at`, and an empty or no subpath for the main transcript. `python`: rows
 * numbered by `seq`, with `mtime`.
 */
export const STORE_FORMS = ['sweeper', 'entries', 'python'] as const;
export type StoreForm = (typeof STORE_FORMS)[number];

export const DEFAULT_TABLES: Readonly<Record<StoreForm, string>> = {
  sweeper: 'claude_session_entries',
  entries: 'claude_session_entries',
  python: 'claude_session_store',
};

export interface SharedStoreSettings {
  readonly url: string;
  readonly passwordFile?: string;
  /** As its program calls it, perhaps with its schema before it; by its form where it is not said. */
  readonly table?: string;
  /** `sweeper` where it is not said. */
  readonly readAs?: StoreForm;
  /** By what name this host's word is told from others'; its name where it is not said. */
  readonly host?: string;
  /** Whether nobody but the live sources of this host speaks for its sessions; false where it is not said. */
  readonly onlyThisHost?: boolean;
}

const PART = '[A-Za-z_][A-Za-z0-9_]{0,39}';
const TABLE = new RegExp(`^(${PART}\\.)?${PART}$`);

const table: Parser<string> = parser({ type: 'string', pattern: TABLE.source }, (raw) => {
  const isName = typeof raw === 'string' && TABLE.test(raw);
  return isName ? { value: raw } : refused('expected the name of a table, of letters, digits and underscores');
});

const form: Parser<StoreForm> = parser({ enum: [...STORE_FORMS] }, (raw) => {
  const found = STORE_FORMS.find((one) => one === raw);
  return found === undefined ? refused(`expected one of ${STORE_FORMS.join(', ')}`) : { value: found };
});

/** @param home what a leading `~` stands for */
export function sharedStoreSettings(home: string): Parser<readonly SharedStoreSettings[]> {
  return listOf<SharedStoreSettings>({
    url: required(postgresUrl),
    passwordFile: optional(absolutePath(home)),
    table: optional(table),
    readAs: optional(form),
    host: optional(host),
    onlyThisHost: optional(boolean),
  });
}

/** By which reports, the ledger and commands know it; no two differ in less. Shows no password. */
export function sharedStoreName({
  url,
  readAs = 'sweeper',
  table: name = DEFAULT_TABLES[readAs],
}: SharedStoreSettings) {
  return `${shownPostgresUrl(url)}#${name}`;
}

/** What is wrong with stores that are right one by one. */
export function sharedStoreFaults(
  stores: readonly SharedStoreSettings[],
  sources: readonly SourceSettings[],
): readonly string[] {
  const names = stores.map(sharedStoreName);
  // What another host's bot resumes is known here only by what all hosts share.
  const isShared = sources.some((source) => {
    return isSweptMap(source) && source.kind === 'postgres-map' && source.required !== false;
  });
  return stores.flatMap(({ onlyThisHost }, index) => {
    const at = `sessions.sharedStores: ${names[index]}`;
    const isAgain = names.indexOf(names[index] ?? '') < index;
    const isAlone = onlyThisHost !== true && !isShared;
    return [
      ...(isAgain ? [`${at}: it is there twice`] : []),
      ...(isAlone
        ? [`${at}: name a source of kind postgres-map, which tells what other hosts resume, or say onlyThisHost: true`]
        : []),
    ];
  });
}

/** As it would stand in the configuration, but for passwords. */
export function showSharedStores(stores: readonly SharedStoreSettings[]): string {
  return JSON.stringify(stores.map((store) => ({ ...store, url: shownPostgresUrl(store.url) })));
}
