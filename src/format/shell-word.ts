/** A path as one word of a command that a person can paste into a shell, whatever bytes are in it. */

import { escapeControls } from './shown-text.ts';

const PLAIN = /^[\w@%+=:,./-]+$/;

/** @param bytes one Latin-1 character a byte, as in byte names */
export function shellWord(bytes: string): string {
  if (PLAIN.test(bytes)) return bytes;
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  const isExact = Buffer.from(text, 'utf8').toString('latin1') === bytes;
  if (isExact && escapeControls(text) === text) return `'${text.replaceAll("'", "'\\''")}'`;
  // As bash, zsh and ksh read it.
  return `$'${Array.from(bytes, escapeByte).join('')}'`;
}

function escapeByte(byte: string): string {
  return PLAIN.test(byte) ? byte : `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
