/** JSON from outside as plain data; what JSON.parse would pass over in silence, a key that is there twice, is a fault here. */

import { createRequire } from 'node:module';
import type { Node, ParseError } from 'jsonc-parser';
import { shownValue } from '../../format/shown-text.ts';

/** Loaded where there is something to read. */
const jsonc = () => createRequire(import.meta.url)('jsonc-parser') as typeof import('jsonc-parser');

/** @throws Error naming line and column of the first fault */
export function parseStrictJson(text: string): unknown {
  const errors: ParseError[] = [];
  try {
    const tree = jsonc().parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
    const [error] = errors;
    if (error !== undefined)
      throw new Error(`${placeOf(text, error.offset)}: ${jsonc().printParseErrorCode(error.error)}`);
    if (tree === undefined) throw new Error('it is empty');
    return plainOf(tree, text);
  } catch (error) {
    if (error instanceof RangeError) throw new Error('it is nested too deeply');
    throw error;
  }
}

function plainOf(node: Node, text: string): unknown {
  if (node.type === 'array') return (node.children ?? []).map((child) => plainOf(child, text));
  if (node.type !== 'object') return node.value as unknown;
  const fields = new Map<string, unknown>();
  for (const { offset, children: [key, value] = [] } of node.children ?? []) {
    const name = String(key?.value);
    if (fields.has(name)) throw new Error(`${placeOf(text, offset)}: the key ${shownValue(name)} is there twice`);
    fields.set(name, value === undefined ? undefined : plainOf(value, text));
  }
  // A key may be called __proto__.
  return Object.assign(Object.create(null) as object, Object.fromEntries(fields));
}

function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
