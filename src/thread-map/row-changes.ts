/** Changes one row of the thread map in one transaction: the fields that a host names or assigns to, and no other column. */

import { OperatingError } from '../errors.ts';
import type { MapConnection } from '../resume-map/map-connection.ts';
import { takenByTable } from '../resume-map/whole-rows.ts';
import { changedRow, changeFrom, type RawRow, toSession, type WrittenRow } from './rows.ts';
import { COLUMNS } from './schema.ts';
import { type ThreadDraft, type ThreadSession, type ThreadUpdate, UnknownThreadError } from './thread-map.ts';

const GET = `SELECT ${COLUMNS.join(', ')} FROM sessions WHERE thread_ts = ?`;

/** What a host's own function has thrown is no error of the database. */
class ThrownByChange extends Error {}

/** @throws UnknownThreadError, and whatever `change` throws: then nothing is written */
export async function changeRow(
  connection: MapConnection,
  threadTs: string,
  change: ThreadUpdate,
): Promise<ThreadSession> {
  const apply = connection.database.transaction(() => {
    const row = connection.statement(GET).get(threadTs) as RawRow | undefined;
    if (row === undefined) throw new UnknownThreadError(threadTs);
    writeRow(connection, threadTs, changesOf(row, change));
    return toSession(connection.statement(GET).get(threadTs) as RawRow);
  });
  try {
    return await connection.write('update', () => {
      throwIfWithinChange(connection);
      return apply.immediate();
    });
  } catch (error) {
    throw error instanceof ThrownByChange ? error.cause : error;
  }
}

function changesOf(row: RawRow, change: ThreadUpdate): WrittenRow {
  const session = toSession(row);
  const wanted = changedRow(changeFrom(session, wantedOf(session, change)));
  // An old host's word, which nobody writes any more.
  return row.status === 'stopped' ? { status: 'active', ...wanted } : wanted;
}

function wantedOf(session: ThreadSession, change: ThreadUpdate): Readonly<Record<string, unknown>> {
  if (typeof change !== 'function') return { ...session, ...given(change) };
  const draft: ThreadDraft = { ...session };
  let returned: unknown;
  try {
    returned = change(draft);
  } catch (error) {
    throw new ThrownByChange('thrown by a change', { cause: error });
  }
  if (isPromise(returned)) {
    // Its outcome is nobody's.
    Promise.resolve(returned).catch(() => undefined);
    throw new OperatingError('usage', 'update thread map: a change must not wait: the database would wait for it');
  }
  return { ...draft, ...(typeof returned === 'object' && returned !== null ? given(returned) : {}) };
}

function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** What is undefined was left out. */
function given(change: object): object {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

function writeRow(connection: MapConnection, threadTs: string, changes: WrittenRow): void {
  const columns = COLUMNS.filter((column) => changes[column] !== undefined);
  if (columns.length === 0) return;
  const assignments = columns.map((column) => `${column} = @${column}`).join(', ');
  const update = connection.statement(`UPDATE OR ABORT sessions SET ${assignments} WHERE thread_ts = @thread`);
  writeOne('update', () => update.run({ ...changes, thread: threadTs }));
}

/** @throws OperatingError (`bad-data`) where a rule of the host's own table keeps the row from being written, loudly or in silence */
export function writeOne(action: string, write: () => { readonly changes: number }): void {
  const refusal = `${action} thread map: its table does not take the row`;
  takenByTable(refusal, () => {
    if (write().changes === 0) throw new OperatingError('bad-data', refusal);
  });
}

/** Whatever a change writes by other calls would be undone with it, after they have said that it is written. */
export function throwIfWithinChange({ database }: MapConnection): void {
  if (!database.inTransaction) return;
  throw new OperatingError('usage', 'write to thread map: a change is at work; write after it');
}
