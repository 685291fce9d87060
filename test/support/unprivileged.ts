/** Does something with the rights of nobody, where the tests run as root: for root nothing is unreadable. */

const NOBODY = 65_534;

export function asUnprivileged<T>(act: () => T): T {
  if (process.geteuid?.() !== 0) return act();
  process.seteuid?.(NOBODY);
  try {
    return act();
  } finally {
    process.seteuid?.(0);
  }
}
