/** HTML in which nothing that comes from outside can be anything but text: all that is put into a template is escaped, unless it is one itself. */

import { escapeControls, redacted } from '../../format/shown-text.ts';

export type HtmlPart = Html | string | number | false | undefined | readonly HtmlPart[];

/** Made by `html` alone. */
export class Html {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  static fromTemplate(strings: TemplateStringsArray, parts: readonly HtmlPart[]): Html {
    return new Html(strings.map((text, index) => text + Html.#shown(parts[index])).join(''));
  }

  toString(): string {
    return this.#text;
  }

  static #shown(part: HtmlPart): string {
    if (part === undefined || part === false) return '';
    if (part instanceof Html) return part.#text;
    if (typeof part === 'string' || typeof part === 'number') return escaped(String(part));
    return part.map((one) => Html.#shown(one)).join('');
  }
}

/** Attributes are written in double quotes. What is false or undefined is nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  return Html.fromTemplate(strings, parts);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** On one line, without control characters that would turn it around, and without secrets. */
function escaped(text: string): string {
  return redacted(escapeControls(text.toWellFormed())).replace(/[&<>"'`]/g, (character) => ENTITIES[character] ?? '');
}
