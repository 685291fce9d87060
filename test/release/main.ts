/**
 * Makes a release twice, in directories of other names, holds the two against each other byte for byte, and installs what is in it in empty
 * places on every Node: `npm run release:check`. `--short` makes it of the packages that are installed here, and leaves the Nodes out.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorMessage } from '../../src/errors.ts';
import { UNSUPPORTED_NODE_EXIT_CODE } from '../../src/process/supported-node.ts';
import { succeed } from '../container/succeed.ts';
import { isPermissive } from '../house/packages.ts';
import { fetchNode, type NodeRelease } from '../nodes/node-release.ts';
import { Npm } from '../nodes/npm.ts';
import { dryRunFailures, install } from '../nodes/packed.ts';
import { freshDirectory } from '../support/place.ts';
import { REPOSITORY, run } from '../support/process.ts';
import { makeTree } from '../support/tree.ts';

const NODES: readonly string[] = ['22.14.0', '24', '26', '20.19.0'];
/** Its binding is of one that the package for Debian does not bring. */
const NOT_FOR_DEBIAN = '20.19.0';
/** SQLite's own, which gives everything to everybody. */
const PUBLIC_DOMAIN = 'blessing';

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
const work = mkdtempSync(join(tmpdir(), 'sweeper-release-'));
const npm = new Npm(join(work, 'npm-cache'));
const failures: string[] = [];
try {
  const archive = await archived();
  const [first, second] = [await made('first', archive), await made('the second, elsewhere', archive)];
  failures.push(...differences(first, second), ...(await sumFailures(first)), ...licenceFailures(first));
  if (!values.short) for (const node of NODES) failures.push(...(await installFailures(node, first)));
} catch (error) {
  failures.push(errorMessage(error));
} finally {
  rmSync(work, { recursive: true, force: true });
}
for (const failure of failures) console.error(`release FAILED: ${failure}`);
console.log(`release: ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** This checkout without what is made from it. */
async function archived(): Promise<string> {
  const archive = join(work, 'checkout.tar');
  const left = ['node_modules', 'dist', 'dist-test', '.git', 'native/build', 'coverage'];
  const flags = left.map((path) => `--exclude=./${path}`);
  await succeed('tar', ['--create', '--file', archive, '--directory', REPOSITORY, ...flags, '.']);
  return archive;
}

/** From a copy of this checkout. @returns the directory of what was made */
async function made(name: string, archive: string): Promise<string> {
  const checkout = freshDirectory(work, name);
  await succeed('tar', ['--extract', '--file', archive, '--directory', checkout]);
  if (values.short) await succeed('cp', ['-al', join(REPOSITORY, 'node_modules'), join(checkout, 'node_modules')]);
  else await npm.run(['ci', '--no-audit', '--no-fund'], { directory: checkout });
  const out = join(work, `${name} made`);
  const env = { ...npmEnvironment(), SOURCE_DATE_EPOCH: '1790000000' };
  await succeed(process.execPath, ['scripts/release/make.mjs', out], { cwd: checkout, env });
  console.log(`… made ${name === 'first' ? 'once' : 'twice'}`);
  return out;
}

/** npm is to find the registry that it finds here. */
function npmEnvironment(): Record<string, string> {
  const wanted = Object.entries(process.env).filter(([key]) =>
    /^(HOME|NODE_EXTRA_CA_CERTS|npm_config_\w*registry)$/.test(key),
  );
  return Object.fromEntries(wanted.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

function differences(first: string, second: string): string[] {
  const [names, others] = [readdirSync(first).sort(), readdirSync(second).sort()];
  if (names.join() !== others.join()) return [`once it held ${names.join(', ')}, and then ${others.join(', ')}`];
  console.log(`… ${names.length} files: ${names.join(', ')}`);
  return names
    .filter((name) => !readFileSync(join(first, name)).equals(readFileSync(join(second, name))))
    .map((name) => {
      return `${name} is another one when it is made again`;
    });
}

/** With the control that a file which was changed is found. */
async function sumFailures(directory: string): Promise<string[]> {
  const check = () => run('sha256sum', ['--check', '--quiet', '--strict', 'SHA256SUMS'], { cwd: directory });
  const listed = readFileSync(join(directory, 'SHA256SUMS'), 'utf8').split('\n').length - 1;
  const sound = await check();
  const [name = ''] = readdirSync(directory).filter((file) => file.endsWith('.tgz'));
  const content = readFileSync(join(directory, name));
  writeFileSync(join(directory, name), Buffer.concat([content, Buffer.from('x')]));
  const changed = await check();
  writeFileSync(join(directory, name), content);
  return [
    ...(sound.code === 0 ? [] : [`the checksums do not hold: ${sound.stdout}${sound.stderr}`]),
    ...(changed.code === 0 ? ['a file that was changed has the checksum still'] : []),
    ...(listed === readdirSync(directory).length - 1 ? [] : ['a file has no checksum']),
  ];
}

interface Materials {
  readonly components: readonly {
    readonly name: string;
    readonly licenses?: readonly { readonly license?: { readonly id?: string }; readonly expression?: string }[];
  }[];
}

function licenceFailures(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.cdx.json'))
    .flatMap((name) => {
      const { components } = JSON.parse(readFileSync(join(directory, name), 'utf8')) as Materials;
      console.log(`… ${name}: ${components.length} components`);
      const missing = ['commander', 'better-sqlite3', 'prom-client'].filter(
        (one) => !components.some((found) => found.name === one),
      );
      const refused = components.filter(({ licenses = [] }) => {
        const named = licenses.map(({ license, expression }) => license?.id ?? expression);
        return named.length === 0 || !named.every((id) => id === PUBLIC_DOMAIN || isPermissive(id));
      });
      return [
        ...missing.map((one) => `${name} does not name ${one}`),
        ...refused.map((one) => `${name}: ${one.name} is under ${JSON.stringify(one.licenses)}`),
      ];
    });
}

async function installFailures(node: string, directory: string): Promise<string[]> {
  const release = await fetchNode(node, work, npm);
  const tarball = join(directory, readdirSync(directory).find((name) => name.endsWith('.tgz')) ?? '');
  const installed = await install(work, `installed-${node}`, { tarball, release, npm, runsScripts: true });
  const failed = [
    ...(await dryRunFailures(installed, release, join(work, `home-${node}`))),
    ...(await debianFailures(node, release, directory)),
  ];
  console.log(`… installed on Node ${release.version}`);
  return failed.map((failure) => `Node ${release.version}: ${failure}`);
}

/** Unpacked into an empty place, and called by its name. */
async function debianFailures(node: string, release: NodeRelease, directory: string): Promise<string[]> {
  const file = join(directory, readdirSync(directory).find((name) => name.endsWith('.deb')) ?? '');
  const root = freshDirectory(work, `root-${node}`);
  await succeed('dpkg-deb', ['--extract', file, root]);
  const home = freshDirectory(work, `debian-home-${node}`);
  makeTree(join(home, '.claude'), { sessions: 20, seed: 1 });
  const env = { HOME: home, PATH: `${dirname(release.executable)}${delimiter}${process.env.PATH ?? ''}` };
  const exit = await run(join(root, 'usr/bin/claude-session-sweeper'), ['run', '--dry-run'], { env });
  const expected = node === NOT_FOR_DEBIAN ? UNSUPPORTED_NODE_EXIT_CODE : 0;
  return exit.code === expected ? [] : [`the package for Debian ended with ${exit.code}: ${exit.stderr}`];
}
