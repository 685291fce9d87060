/** Lets root act with the rights of another user for a moment, so that it can be led to nothing that this user could not touch. */

export interface Actor {
  readonly uid: number;
  readonly gid: number;
}

/** Whoever is not root, or is to act as root, acts as it is. Not for threads: only the main thread can change what a process may. */
export function actingAs<T>({ uid, gid }: Actor, act: () => T): T {
  if (process.geteuid?.() !== 0 || uid === 0) return act();
  const own = { gid: process.getegid?.() ?? 0, groups: process.getgroups?.() ?? [] };
  process.setgroups?.([gid]);
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    return act();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(own.gid);
    process.setgroups?.(own.groups);
  }
}
