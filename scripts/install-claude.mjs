/**
 * Before the tests against the real Claude: puts it in its place, at the release that test/claude names. It is some hundred megabytes,
 * which nothing else here needs, so `npm ci` leaves it out.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SDK = '@anthropic-ai/claude-agent-sdk';
const top = new URL('../', import.meta.url);
const own = new URL('test/claude/', top);
const read = (url) => JSON.parse(readFileSync(url, 'utf8'));
const versionIn = (modules) => {
  const manifest = new URL(`node_modules/${SDK}/package.json`, modules);
  return existsSync(manifest) ? read(manifest).version : undefined;
};

const wanted = read(new URL('package.json', own)).dependencies[SDK];
if (versionIn(top) !== wanted) {
  if (versionIn(own) !== wanted) {
    execFileSync('npm', ['ci', '--no-fund', '--no-audit'], { cwd: fileURLToPath(own), stdio: 'inherit' });
  }
  // The library and the examples look for it where a host has it.
  const place = new URL('node_modules/@anthropic-ai', top);
  mkdirSync(new URL('node_modules/', top), { recursive: true });
  rmSync(place, { recursive: true, force: true });
  symlinkSync('../test/claude/node_modules/@anthropic-ai', place);
}
