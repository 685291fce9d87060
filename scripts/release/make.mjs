/**
 * Makes all that a release holds, from a checkout with its packages installed: `npm run release -- DIRECTORY`. The package for npm, the
 * native part, a package for Debian, what each is made of (CycloneDX), and checksums. Made twice of the same, it is the same to the byte.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeDebianPackage } from './debian.mjs';
import { billOfMaterials } from './materials.mjs';

const TOP = fileURLToPath(new URL('../../', import.meta.url));
const [target, only] = process.argv.slice(2);
if (target === undefined) {
  console.error('Say where: npm run release -- DIRECTORY');
  process.exit(64);
}
const out = resolve(target);
mkdirSync(out, { recursive: true });
if (readdirSync(out).length > 0) {
  console.error(`${out} is not empty`);
  process.exit(73);
}

const { name, version } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8'));
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? lastCommit());
const npm = (directory, ...args) =>
  execFileSync('npm', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

// A test that has just built it needs no more than one package of it.
const isAll = only !== '--debian';
if (isAll) npm(TOP, 'run', '--silent', 'build');
const tarball = join(
  out,
  basename(npm(TOP, 'pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', out).trim()),
);
const native = isAll ? readdirSync(join(TOP, 'native/build')) : [];
for (const part of native) copyFileSync(join(TOP, 'native/build', part), join(out, `${name}-${version}-${part}`));
writeJson(`${name}-${version}.cdx.json`, billOfMaterials({ directory: TOP, isLocked: true, epoch }));
const staging = join(out, 'staging');
const deb = makeDebianPackage({ top: TOP, tarball, staging, out, epoch, npm });
writeJson(
  `${basename(deb.file, '.deb')}.cdx.json`,
  billOfMaterials({ directory: deb.program, isLocked: false, epoch }),
);
rmSync(staging, { recursive: true });
const sums = readdirSync(out)
  .sort()
  .map(
    (file) =>
      `${createHash('sha256')
        .update(readFileSync(join(out, file)))
        .digest('hex')}  ${file}\n`,
  );
writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
console.log(sums.join('').trimEnd());

/** When what it is made of was last changed, Unix time in seconds. */
function lastCommit() {
  return execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: TOP, encoding: 'utf8' }).trim();
}

function writeJson(file, value) {
  writeFileSync(join(out, file), `${JSON.stringify(value, null, 2)}\n`);
}
