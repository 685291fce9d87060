/** The one place that loads SQLite's binding: where it would crash this Node or cannot be loaded, an error says what to do. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type Database from 'better-sqlite3';
import { errorCode, errorMessage, OperatingError } from '../errors.ts';
import { unsupportedNode } from '../process/supported-node.ts';

export type SqliteDatabase = Database.Database;
export type SqliteStatement = Database.Statement<unknown[]>;

const load = createRequire(import.meta.url);
const MANIFEST = 'better-sqlite3/package.json';

/**
 * Opens a database, or makes one.
 * @throws OperatingError `config` as `assertBindingLoads` does; else what better-sqlite3 throws
 */
export function openDatabase(path: string, options: Database.Options = {}): SqliteDatabase {
  return new (usableBinding())(path, options);
}

/** @throws OperatingError `config` where this Node, or the binding that is installed, does not serve: it says what to do */
export function assertBindingLoads(): void {
  usableBinding();
}

/** Set once it is known to load, as an import would be: a thread loads it once. */
let binding: typeof Database | undefined;

function usableBinding(): typeof Database {
  binding ??= loadBinding();
  return binding;
}

function loadBinding(): typeof Database {
  const nodeFault = unsupportedNode(process.versions.node);
  if (nodeFault !== undefined) throw new OperatingError('config', nodeFault);
  const installed = findInstalled();
  const fault = bindingFault(installed);
  if (fault !== undefined) throw new OperatingError('config', fault);
  try {
    const loaded = load('better-sqlite3') as typeof Database;
    // It loads the binary with the first database that it opens.
    new loaded(':memory:').close();
    return loaded;
  } catch (error) {
    throw new OperatingError('config', loadFault(installed, error), { cause: error });
  }
}

/** The better-sqlite3 that is installed, and the Node that is to load it. */
export interface InstalledBinding {
  /** The version of better-sqlite3, such as `12.11.1`. */
  readonly version: string;
  /** The directory with the `node_modules` in which it lies. */
  readonly home: string;
  /** As in `process.versions`: `24.21.0`, and the version of Node-API. */
  readonly node: string;
  readonly nodeApi: number;
  /** The bytes of what was compiled on this host or downloaded for it; undefined where there is none. */
  readBinary(): Buffer | undefined;
}

function findInstalled(): InstalledBinding {
  const { node, napi } = process.versions;
  try {
    const { version } = load(MANIFEST) as { version: string };
    const top = dirname(load.resolve(MANIFEST));
    const readBinary = () => readIfThere(join(top, 'build/Release/better_sqlite3.node'));
    return { version, home: dirname(dirname(top)), node, nodeApi: Number(napi), readBinary };
  } catch (error) {
    const message = 'better-sqlite3 is not installed: install claude-session-sweeper again with this Node';
    throw new OperatingError('config', message, { cause: error });
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** better-sqlite3 13 has binaries for every Node with this Node-API; on any other its first call is a segmentation fault. */
const NODE_API_MIN = 10;

/**
 * Looks for what would bring the process down, which no `catch` could see.
 * @returns one sentence for an operator, or undefined where loading it is safe
 */
export function bindingFault(installed: InstalledBinding): string | undefined {
  const { version, node, nodeApi } = installed;
  const isOnNodeApi = Number.parseInt(version, 10) >= 13;
  if (isOnNodeApi && nodeApi < NODE_API_MIN) {
    return `better-sqlite3 ${version} would crash Node ${node}: ${installInstead(12, installed)}`;
  }
  if (!isOnNodeApi && isAbortedByCleanupHooks(node) && installed.readBinary()?.includes(CLEANUP_HOOK)) {
    return `better-sqlite3 ${version} as it was built would abort Node ${node}: ${installInstead(13, installed)}`;
  }
  return undefined;
}

/**
 * Headers since Node 24.19 and 26.4 compile this call into every object of an addon. Where V8 collects such an object between two
 * tasks, when no context is entered, Node asserts that there is one and aborts; only since 26.4 it does not. Headers of 24.0 to 24.18
 * compile it in nowhere, and what they made is sound on all of 24. Source: nodejs/node pull request 65446.
 */
const CLEANUP_HOOK = 'RemoveEnvironmentCleanupHook';

function isAbortedByCleanupHooks(node: string): boolean {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  return major === 24 || (major === 26 && minor < 4);
}

function loadFault(installed: InstalledBinding, error: unknown): string {
  const { version, node } = installed;
  return `better-sqlite3 ${version} cannot be loaded by Node ${node} (${loadReason(error)}): ${remedy(installed)}`;
}

/** Node's own messages, and those of the package that looks for the binary, are many lines long. */
function loadReason(error: unknown): string {
  const message = errorMessage(error);
  if (message.includes('NODE_MODULE_VERSION')) return 'it was built for another one';
  const isMissing = errorCode(error) === 'MODULE_NOT_FOUND' || message.startsWith('Could not locate the bindings file');
  return isMissing ? 'its binary is not there' : (message.split('\n', 1)[0] ?? '');
}

function remedy(installed: InstalledBinding): string {
  const isOnNodeApi = Number.parseInt(installed.version, 10) >= 13;
  // Its own binaries need a C library and a processor that this host does not have: the other one is compiled here.
  if (isOnNodeApi) return installInstead(12, installed);
  if (installed.nodeApi >= NODE_API_MIN) return installInstead(13, installed);
  return `run “npm rebuild better-sqlite3” in ${installed.home} with this Node`;
}

function installInstead(major: number, { home }: InstalledBinding): string {
  // A package's own directory is no place for what only its developers need.
  const flags = home.includes('/node_modules/') ? '--no-save --omit=dev' : '--no-save';
  return `run “npm install ${flags} better-sqlite3@${major}” in ${home} with this Node`;
}
