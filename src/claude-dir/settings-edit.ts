/** Sets and takes back one number in the text of a settings file; every other byte stays, comments and line ends included. */

import { createRequire } from 'node:module';
import type { Node, ParseError } from 'jsonc-parser';

/** One place where the text becomes another. */
export interface SettingsEdit {
  readonly offset: number;
  readonly removed: string;
  readonly inserted: string;
}

/** A property as it stands in the text. */
interface Property {
  readonly start: number;
  readonly end: number;
  readonly value: string;
  readonly valueStart: number;
  /** Where the property before it ends, or the brace that opens the object. */
  readonly after: number;
}

/** The whole of a settings file, as far as an edit has to know it. */
interface Settings {
  /** The last of several of one name: it is the one that counts. */
  find(name: string): Property | undefined;
  /** Where another property would go: behind the last one, or behind the brace. */
  readonly end: number;
  readonly isEmpty: boolean;
  /** What stands before the last property, or in the empty object: so new ones are set apart. */
  readonly gap: string;
}

/** The value of a property as it is written; undefined where there is none. @throws where the text is no settings file */
export function rawValueOf(text: string, name: string): string | undefined {
  return text.trim() === '' ? undefined : parse(text).find(name)?.value;
}

/** @param value as it is to be written @throws where the text is no settings file */
export function settingEdit(text: string, name: string, value: string): SettingsEdit {
  const property = `${JSON.stringify(name)}: ${value}`;
  if (text.trim() === '') return { offset: 0, removed: '', inserted: `{\n  ${property}\n}\n` };
  const settings = parse(text);
  const present = settings.find(name);
  if (present !== undefined) return { offset: present.valueStart, removed: present.value, inserted: value };
  const { end: offset, isEmpty, gap } = settings;
  if (!isEmpty) return { offset, removed: '', inserted: `,${gap}${property}` };
  const isOnLines = gap.includes('\n');
  return { offset, removed: '', inserted: isOnLines ? `${gap.includes('\r') ? '\r\n' : '\n'}  ${property}` : property };
}

/** Takes a property away with what `settingEdit` has set before it. @throws where the text is no settings file */
export function removalEdit(text: string, name: string): SettingsEdit | undefined {
  const settings = parse(text);
  const present = settings.find(name);
  if (present === undefined) return undefined;
  const { start, end, after } = present;
  const before = text.slice(after, start);
  const cut = (from: number, to: number) => ({ offset: from, removed: text.slice(from, to), inserted: '' });
  if (/^,\s*$/.test(before)) return cut(after, end);
  const comma = /^\s*,/.exec(text.slice(end))?.[0] ?? '';
  if (/^\s*$/.test(before)) return cut(after, end + comma.length);
  // What a person has put between stays.
  if (comma !== '') return cut(start, end + comma.length);
  return { offset: after, removed: text.slice(after, end), inserted: before.replace(/^(\s*),/, '$1') };
}

export function applyEdit(text: string, { offset, removed, inserted }: SettingsEdit): string {
  return text.slice(0, offset) + inserted + text.slice(offset + removed.length);
}

function parse(text: string): Settings {
  const { parseTree, printParseErrorCode } = createRequire(import.meta.url)(
    'jsonc-parser',
  ) as typeof import('jsonc-parser');
  const errors: ParseError[] = [];
  const root = nestedAtMost(() => parseTree(text, errors, { allowTrailingComma: true }));
  const [error] = errors;
  if (error !== undefined) throw new Error(`${printParseErrorCode(error.error)} at character ${error.offset}`);
  if (root?.type !== 'object') throw new Error('it holds no object');
  const properties = root.children ?? [];
  const afterOf = (index: number) => endOf(properties[index - 1]) ?? root.offset + 1;
  const last = properties.at(-1);
  return {
    find: (name) => {
      const index = properties.findLastIndex((property) => property.children?.[0]?.value === name);
      const [property, value] = [properties[index], properties[index]?.children?.[1]];
      if (property === undefined || value === undefined) return undefined;
      const [start, end] = [property.offset, property.offset + property.length];
      const raw = text.slice(value.offset, value.offset + value.length);
      return { start, end, value: raw, valueStart: value.offset, after: afterOf(index) };
    },
    end: afterOf(properties.length),
    isEmpty: last === undefined,
    gap:
      last === undefined
        ? text.slice(root.offset + 1, root.offset + root.length - 1)
        : (/\s*$/.exec(text.slice(0, last.offset))?.[0] ?? ''),
  };
}

/** @throws Error where the text is nested deeper than the parser can go */
function nestedAtMost<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error('it is nested too deep to be read');
  }
}

function endOf(node: Node | undefined): number | undefined {
  return node === undefined ? undefined : node.offset + node.length;
}
