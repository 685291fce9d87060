/** YAML, and so JSON, as plain data in which every scalar stays the text that it is: what 0x10 or 1e3 mean is not for YAML to say. */

import { createRequire } from 'node:module';
import { errorMessage } from '../errors.ts';
import { type Parsed, refused } from './values.ts';

/** Many a command reads no YAML, and loading it takes longer than all else that they do. */
const load = createRequire(import.meta.url);

/** A key that is there twice, an alias and a second document are faults. */
export function parseYaml(text: string): Parsed<unknown> {
  const { parseDocument } = load('yaml') as typeof import('yaml');
  const document = parseDocument(text, { uniqueKeys: true, schema: 'failsafe', logLevel: 'error' });
  const [error] = document.errors;
  // The errors after the first are mostly its echo.
  if (error !== undefined) return refused(error.message.split('\n')[0] ?? '');
  try {
    return { value: document.toJS({ maxAliasCount: 0 }) };
  } catch (error) {
    return refused(errorMessage(error));
  }
}
