/**
 * Tells files whose every name was seen in the Claude directory from those that have one elsewhere, perhaps in a backup. Claude
 * itself gives its checkpoints a name in each conversation that goes on from another one.
 */

interface File {
  /** As many as it has. */
  names: number;
  seen: number;
}

const NO_LINKS: ReadonlyMap<number, number> = new Map();

export class LinkTable {
  /** By inode: the Claude directory is one file system. */
  readonly #files = new Map<number, File>();
  /** The inodes in a unit, by its row. */
  readonly #inodes = new Map<number, number[]>();

  /**
   * Adds a name of a file that has several.
   * @param row of the unit that the name is in; undefined for one in the trash
   */
  add(inode: number, names: number, row?: number): void {
    const file = this.#files.get(inode);
    if (file === undefined) this.#files.set(inode, { names, seen: 1 });
    else {
      file.names = Math.max(file.names, names);
      file.seen += 1;
    }
    if (row === undefined) return;
    const inodes = this.#inodes.get(row);
    if (inodes === undefined) this.#inodes.set(row, [inode]);
    else inodes.push(inode);
  }

  /** The inodes of files that have more names than were seen so far. */
  unseen(): Set<number> {
    const unseen = new Set<number>();
    for (const [inode, { names, seen }] of this.#files) if (seen < names) unseen.add(inode);
    return unseen;
  }

  /** The rows of units that have such a file. */
  *rowsWithUnseen(): Generator<number> {
    const unseen = this.unseen();
    if (unseen.size === 0) return;
    for (const [row, inodes] of this.#inodes) if (inodes.some((inode) => unseen.has(inode))) yield row;
  }

  /** How many names were seen of each file of a unit that has several, by inode. */
  seenNamesIn(row: number): ReadonlyMap<number, number> {
    const inodes = this.#inodes.get(row);
    if (inodes === undefined) return NO_LINKS;
    return new Map(inodes.map((inode) => [inode, this.#files.get(inode)?.seen ?? 0]));
  }
}
