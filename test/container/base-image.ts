/**
 * An image with Node in it, as the Dockerfile begins with one: put together from this machine's own Debian packages and from npm's package
 * of Node, since no registry of images is asked for anything.
 */

import { chmodSync, chownSync, copyFileSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchNode } from '../nodes/node-release.ts';
import type { Npm } from '../nodes/npm.ts';
import type { Podman } from './podman.ts';
import { succeed } from './succeed.ts';

/** What Node, npm's scripts and the Dockerfile call, and what those are linked against. */
const PACKAGES = [
  ...['base-files', 'base-passwd', 'ca-certificates', 'coreutils', 'dash', 'libacl1', 'libattr1', 'libc-bin', 'libc6'],
  ...['libgcc-s1', 'libgmp10', 'libpcre2-8-0', 'libselinux1', 'libssl3', 'libstdc++6'],
];
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];
const NOT_NEEDED = /^\/usr\/share\/(doc|man|locale|info|lintian)\//;

/** @returns the name of the image */
export async function makeBaseImage(podman: Podman, npm: Npm, work: string, node: string): Promise<string> {
  const root = join(work, 'base');
  for (const name of [
    'dev',
    'etc/ssl/certs',
    'proc',
    'root',
    'sys',
    'usr/local/bin',
    'usr/local/lib/node_modules/npm',
  ]) {
    mkdirSync(join(root, name), { recursive: true });
  }
  mkdirSync(join(root, 'tmp'));
  chmodSync(join(root, 'tmp'), 0o1777);
  mkdirSync(join(root, 'home/node'), { recursive: true });
  chownSync(join(root, 'home/node'), 1_000, 1_000);
  for (const name of MERGED) {
    mkdirSync(join(root, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
  await copyPackages(root, work);
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n');
  copyFileSync('/etc/ssl/certs/ca-certificates.crt', join(root, 'etc/ssl/certs/ca-certificates.crt'));
  const release = await fetchNode(node, work, npm);
  copyFileSync(release.executable, join(root, 'usr/local/bin/node'));
  await addNpm(root, npm, work);
  const environment = await reachedRegistry(root, npm, work);
  const image = await podman.imageOf(root, environment);
  rmSync(root, { recursive: true, force: true });
  return image;
}

async function copyPackages(root: string, work: string): Promise<void> {
  const { stdout } = await succeed('dpkg-query', ['--listfiles', ...PACKAGES]);
  const files = [...new Set(stdout.split('\n'))].filter((path) => path.startsWith('/') && !NOT_NEEDED.test(path));
  const list = join(work, 'base-files.txt');
  writeFileSync(
    list,
    files
      .filter(isFile)
      .map((path) => `${path.slice(1)}\n`)
      .join(''),
  );
  const archive = join(work, 'base-files.tar');
  await succeed('tar', ['--create', '--file', archive, '--directory=/', '--no-recursion', '--files-from', list]);
  await succeed('tar', ['--extract', '--file', archive, '--directory', root, '--keep-directory-symlink']);
  rmSync(archive);
}

/** Below a merged directory, a package may name a file by the path that it had before. */
function isFile(path: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  return status !== undefined && (status.isFile() || status.isSymbolicLink()) && !MERGED.includes(path.slice(1));
}

async function addNpm(root: string, npm: Npm, work: string): Promise<void> {
  const packed = (
    await npm.run(['pack', '--loglevel=error', '--pack-destination', work, 'npm@11'], { directory: work })
  ).trim();
  const place = 'usr/local/lib/node_modules/npm';
  await succeed('tar', ['-xzf', join(work, packed), '-C', join(root, place), '--strip-components=1']);
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
}

/** What the build needs to reach the same registry as this machine does. */
async function reachedRegistry(root: string, npm: Npm, work: string): Promise<Readonly<Record<string, string>>> {
  const npm_config_registry = (await npm.run(['config', 'get', 'registry'], { directory: work })).trim();
  const { NODE_EXTRA_CA_CERTS: authority } = process.env;
  if (authority === undefined) return { npm_config_registry };
  copyFileSync(authority, join(root, 'etc/ssl/certs/extra.pem'));
  return { npm_config_registry, NODE_EXTRA_CA_CERTS: '/etc/ssl/certs/extra.pem' };
}
