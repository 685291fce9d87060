/** The uuid of an entry that is copied, from its own text: a column may have written it differently. */

/** Null where there is none, or the entry was damaged: then it stands for itself alone. */
export function uuidIn(text: string): string | null {
  try {
    const entry = JSON.parse(text) as { readonly uuid?: unknown } | null;
    return typeof entry?.uuid === 'string' ? entry.uuid : null;
  } catch {
    return null;
  }
}
