/** The version of this release, as package.json states it. */

import { existsSync, readFileSync } from 'node:fs';

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(packageFileAbove(import.meta.url), 'utf8')) as { version: string };
  return version;
}

/** The nearest one: builds put this file at different depths. */
function packageFileAbove(from: string | URL): URL {
  const file = new URL('../package.json', from);
  const isRoot = file.href === new URL('../package.json', file).href;
  return existsSync(file) || isRoot ? file : packageFileAbove(file);
}
