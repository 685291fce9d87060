/** `~` at the beginning of a path, as a shell reads it. */

export function withHome(path: string, home: string): string {
  return path === '~' || path.startsWith('~/') ? home + path.slice(1) : path;
}
