/** A JSON file in which a bot keeps its sessions, read as it stands: every entry is understood, or all of it is refused. */

import { parseProtectedId, type SessionId } from '../../claude-dir/session-id.ts';
import type { JsonMapSettings } from '../../config/source-settings.ts';
import { errorMessage, OperatingError } from '../../errors.ts';
import { readWholeFile } from '../../files/whole-file.ts';
import { shownValue } from '../../format/shown-text.ts';
import type { LiveReading } from '../live-source.ts';
import { parseStrictJson } from './strict-json.ts';

/** Over a hundred thousand entries. Reading takes many times the file's size in memory. */
const FILE_BYTES_MAX = 16 * 2 ** 20;
/** As an old `sessions.json` has it, and as bots mostly have it. */
const USUAL_FIELDS = ['id', 'session_id', 'sessionId'];

/** @throws OperatingError */
export function readJsonMap({ path, field }: JsonMapSettings): LiveReading {
  const text = readWholeFile(path, FILE_BYTES_MAX);
  try {
    return readingOf(parseStrictJson(text), field);
  } catch (error) {
    throw new OperatingError('bad-data', `read ${path}: ${errorMessage(error)}`, { cause: error });
  }
}

/** @throws Error naming the first entry that is wrong */
function readingOf(value: unknown, field: string | undefined): LiveReading {
  if (typeof value !== 'object' || value === null) throw new Error('expected an object or a list of entries');
  const ids = new Set<SessionId>();
  let malformed = 0;
  for (const [key, entry] of Object.entries(value)) {
    const text = idTextOf(key, entry, field);
    // A conversation that has no session yet.
    if (text === null) continue;
    const id = parseProtectedId(text);
    if (id === undefined) malformed += 1;
    else ids.add(id);
  }
  // More likely another field is meant than that none of them names one.
  if (ids.size === 0 && malformed > 0) throw new Error(`none of its ${malformed} entries has a session id`);
  return { ids, malformed };
}

function idTextOf(key: string, entry: unknown, field: string | undefined): string | null {
  const at = `the entry ${shownValue(key)}`;
  if (typeof entry === 'string' || entry === null) return entry;
  if (typeof entry !== 'object') throw new Error(`${at} is neither a text nor an object`);
  const names = field === undefined ? USUAL_FIELDS : [field];
  const found = names.filter((name) => Object.hasOwn(entry, name));
  const [name, another] = found;
  if (name === undefined) throw new Error(`${at} has no field ${names.join(' or ')}`);
  if (another !== undefined) throw new Error(`${at} has the fields ${found.join(' and ')}; say by field which it is`);
  const value = (entry as Readonly<Record<string, unknown>>)[name];
  if (typeof value === 'string' || value === null) return value;
  throw new Error(`${at}: ${name} is no text`);
}
