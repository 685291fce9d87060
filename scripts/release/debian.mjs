/**
 * Puts the program with all that it needs but Node into a package for Debian, by Debian's own dpkg-deb: units, manual page, completions and
 * the settings of all users beside it. What apt removes, it has brought.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const NAME = 'claude-session-sweeper';
/** It comes with binaries for every Node from 22.14 on, so that no compiler is needed. */
const BINDING = 'better-sqlite3@13.2.0';
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };

/** @returns the package's file, and the directory in which the program lies, which is gone with the staging */
export function makeDebianPackage({ top, tarball, staging, out, epoch, npm }) {
  const { version, description } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new Error(`there is no native part for ${process.arch}`);
  const program = join(staging, 'usr/lib', NAME);
  addProgram({ top, tarball, program, npm });
  const add = (from, to, change = (content) => content) => {
    mkdirSync(dirname(join(staging, to)), { recursive: true });
    writeFileSync(join(staging, to), change(readFileSync(join(top, from))));
  };
  const packed = (content) => gzipSync(content, { level: 9 });
  mkdirSync(join(staging, 'usr/bin'));
  symlinkSync(`../lib/${NAME}/dist/program/main.js`, join(staging, 'usr/bin', NAME));
  for (const unit of ['@.service', '-once@.service', '-once@.timer']) {
    add(`deploy/systemd/${NAME}${unit}`, `usr/lib/systemd/system/${NAME}${unit}`);
  }
  add(`deploy/systemd/user/${NAME}.service`, `usr/lib/systemd/user/${NAME}.service`);
  add(`deploy/systemd/${NAME}.env.example`, `etc/${NAME}/default.env`);
  add(`dist/${NAME}.1`, `usr/share/man/man1/${NAME}.1.gz`, packed);
  add(`dist/completions/${NAME}.bash`, `usr/share/bash-completion/completions/${NAME}`);
  add(`dist/completions/_${NAME}`, `usr/share/zsh/vendor-completions/_${NAME}`);
  add(`dist/completions/${NAME}.fish`, `usr/share/fish/vendor_completions.d/${NAME}.fish`);
  add('LICENSE', `usr/share/doc/${NAME}/copyright`);
  add('CHANGELOG.md', `usr/share/doc/${NAME}/changelog.gz`, packed);
  cpSync(join(top, 'deploy/prometheus'), join(staging, 'usr/share', NAME, 'prometheus'), { recursive: true });
  addControl({ top, staging, version, architecture, description });
  normalise(staging, epoch);
  const file = join(out, `${NAME}_${version}_${architecture}.deb`);
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch) };
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--threads-max=1', '--build', staging, file], {
    env,
    stdio: 'pipe',
  });
  return { file, program };
}

/** As npm installs it, by the lock file, but for the binding. */
function addProgram({ top, tarball, program, npm }) {
  mkdirSync(program, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', program, '--strip-components=1']);
  copyFileSync(join(top, 'package-lock.json'), join(program, 'package-lock.json'));
  const quiet = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  npm(program, 'ci', ...quiet);
  npm(program, 'install', '--no-save', ...quiet, BINDING);
  rmSync(join(program, 'package-lock.json'));
  const manifest = JSON.parse(readFileSync(join(program, 'package.json'), 'utf8'));
  // What only its development needs, and what npm would miss when it lists what is there.
  const {
    devDependencies: _dev,
    scripts: _scripts,
    peerDependencies: _peer,
    peerDependenciesMeta: _meta,
    ...shipped
  } = manifest;
  writeFileSync(join(program, 'package.json'), `${JSON.stringify(shipped, null, 2)}\n`);
  rmSync(join(program, 'node_modules/.package-lock.json'), { force: true });
  const binding = join(program, 'node_modules/better-sqlite3');
  for (const source of ['deps', 'src', 'binding.gyp']) rmSync(join(binding, source), { recursive: true, force: true });
  for (const name of ['docs', 'deploy', 'examples']) rmSync(join(program, name), { recursive: true, force: true });
}

function addControl({ top, staging, version, architecture, description }) {
  const control = join(staging, 'DEBIAN');
  mkdirSync(control);
  const kilobytes = filesBelow(staging).reduce(
    (sum, path) => sum + Math.ceil(lstatSync(join(staging, path)).size / 1024),
    0,
  );
  writeFileSync(
    join(control, 'control'),
    [
      `Package: ${NAME}`,
      `Version: ${version}`,
      `Architecture: ${architecture}`,
      `Maintainer: the maintainers of ${NAME} <nobody@localhost>`,
      `Installed-Size: ${kilobytes}`,
      'Depends: libc6 (>= 2.34)',
      // Many hosts have Node from elsewhere than a package; the program says which it needs.
      'Recommends: nodejs (>= 22.14)',
      'Suggests: prometheus',
      'Section: admin',
      'Priority: optional',
      `Description: ${description.split(':')[0]}`,
      ` ${description}`,
      '',
    ].join('\n'),
  );
  writeFileSync(join(control, 'conffiles'), `/etc/${NAME}/default.env\n`);
  for (const script of ['postinst', 'prerm', 'postrm']) {
    copyFileSync(join(top, 'deploy/debian', script), join(control, script));
  }
  const sums = filesBelow(staging)
    .filter((path) => !path.startsWith('DEBIAN/') && lstatSync(join(staging, path)).isFile())
    .map(
      (path) =>
        `${createHash('md5')
          .update(readFileSync(join(staging, path)))
          .digest('hex')}  ${path}\n`,
    );
  writeFileSync(join(control, 'md5sums'), sums.join(''));
}

/** Owners are dpkg-deb's matter; the rest must not depend on who has built it, where and when. */
function normalise(directory, epoch) {
  for (const path of filesBelow(directory, true)) {
    const full = join(directory, path);
    const status = lstatSync(full);
    const isRun = status.isDirectory() || /^DEBIAN\/p|dist\/program\/main\.js$/.test(path);
    if (!status.isSymbolicLink()) chmodSync(full, isRun ? 0o755 : 0o644);
    lutimesSync(full, epoch, epoch);
  }
  chmodSync(directory, 0o755);
  lutimesSync(directory, epoch, epoch);
}

function filesBelow(directory, withDirectories = false) {
  return readdirSync(directory, { recursive: true })
    .filter((path) => withDirectories || !lstatSync(join(directory, path)).isDirectory())
    .sort();
}
