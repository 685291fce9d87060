/** File names byte for byte: one Latin-1 character a byte, so that names which are no UTF-8 are handled exactly. */

import { escapeControls } from '../format/shown-text.ts';

declare const byteNameBrand: unique symbol;

/** One component of a path. `Buffer.from(name, 'latin1')` gives its bytes. */
export type ByteName = string & { readonly [byteNameBrand]: true };

const NAME_BYTES_MAX = 255;

/** For names that the system itself returned with the encoding `latin1`. */
export function byteNameFromSystem(name: string): ByteName {
  return name as ByteName;
}

/** For names that come from anywhere else; undefined where the text is no single path component. */
export function parseByteName(text: string): ByteName | undefined {
  if (text === '' || text === '.' || text === '..' || text.length > NAME_BYTES_MAX) return undefined;
  for (let index = 0; index < text.length; index += 1) {
    const byte = text.charCodeAt(index);
    if (byte === 0 || byte === 0x2f || byte > 0xff) return undefined;
  }
  return text as ByteName;
}

/** For names that this program itself makes up. */
export function fixedName(text: string): ByteName {
  const name = parseByteName(text);
  if (name === undefined) throw new Error(`not a file name: ${JSON.stringify(text)}`);
  return name;
}

/** For people and logs: UTF-8 where the bytes are, control characters and stray bytes escaped. */
export function displayName(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  const exact = Buffer.from(text, 'utf8').toString('latin1') === name ? text : name;
  return escapeControls(exact);
}

/** Whether a string of it is the very bytes, in any encoding. */
export function isAscii(name: string): boolean {
  for (let index = 0; index < name.length; index += 1) {
    if (name.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}
