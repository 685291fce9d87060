/** Texts as the native part takes them: one after the other, each with a 0 at its end. */

export class PackedNames {
  readonly #texts: string[] = [];
  readonly #places = new Map<string, number>();
  #length = 0;

  /** Adds texts, none of them twice. @returns where they begin, one after the other */
  add(...texts: readonly string[]): number {
    const text = texts.length === 1 ? (texts[0] ?? '') : texts.join('\0');
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.addNew(text);
    this.#places.set(text, place);
    return place;
  }

  /** For what is known to come but once. */
  addNew(text: string): number {
    const place = this.#length;
    this.#texts.push(text);
    this.#length += text.length + 1;
    return place;
  }

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.from(`${this.#texts.join('\0')}\0`, 'latin1'));
  }
}
