/** `store adopt`: takes the entries of another program's store over into one of ours, beside it. Asks first; that program may write on. */

import { type SharedStoreSettings, sharedStoreName } from '../config/store-settings.ts';
import { OperatingError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount } from '../format/counts.ts';
import { shownText } from '../format/shown-text.ts';
import { adoptEntries } from '../session-store/postgres-adoption.ts';
import { askOnTerminal } from './ask.ts';
import type { CommandContext } from './command.ts';

export interface StoreAdoptOptions {
  readonly schema: string | undefined;
  readonly yes: boolean;
}

export const ADOPTED_SCHEMA = 'claude_sweeper';
const SCHEMA = /^[A-Za-z_][A-Za-z0-9_]{0,39}$/;

export async function adoptStore(
  context: CommandContext,
  text: string,
  { schema = ADOPTED_SCHEMA, yes }: StoreAdoptOptions,
): Promise<number> {
  const { io, json, resolved } = context;
  const store = storeOf(resolved.config['sessions.sharedStores'], text);
  if (!SCHEMA.test(schema)) throw new OperatingError('usage', '--schema: expected letters, digits and underscores');
  const what = `the entries of ${shownText(sharedStoreName(store))} into the schema ${schema}`;
  if (context.dryRun) {
    io.stdout.write(json ? `${JSON.stringify({ entries: 0, copied: 0 })}\n` : `Would take over ${what}.\n`);
    return EXIT_CODES.ok;
  }
  if (!yes && !(await askOnTerminal(context, `Take over ${what}?`, 'say --yes'))) return EXIT_CODES.ok;
  const done = await adoptEntries(store, { schema, shouldStop: () => io.shutdown.aborted });
  if (json) io.stdout.write(`${JSON.stringify(done)}\n`);
  else io.stdout.write(`${sentencesOn(done, schema, io.shutdown.aborted).join('\n')}\n`);
  return io.shutdown.aborted ? EXIT_CODES.io : EXIT_CODES.ok;
}

function sentencesOn({ entries, copied }: { entries: number; copied: number }, schema: string, isStopped: boolean) {
  const taken = `${formatCount(copied, 'entry', 'entries')} taken over, of ${entries} that were looked at.`;
  if (isStopped) return [taken, 'It was stopped; the same command goes on with the rest.'];
  return [
    taken,
    `Hosts that use our PostgresSessionStore add ?search_path=${schema} to the URL.`,
    'Once its program has ended for good, call this again: it takes over what that has written since.',
  ];
}

/** @param text its name, or that of its table alone */
function storeOf(stores: readonly SharedStoreSettings[], text: string): SharedStoreSettings {
  const found = stores.filter((store) => {
    const name = sharedStoreName(store);
    return name === text || name.endsWith(`#${text}`);
  });
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  const known = stores.map((store) => shownText(sharedStoreName(store))).join(', ') || 'none';
  const why = first === undefined ? 'no store of sessions.sharedStores' : 'several stores';
  throw new OperatingError(
    'usage',
    `store adopt: ${why} of this name; there ${stores.length === 1 ? 'is' : 'are'} ${known}`,
  );
}
