/** A copy of this checkout under one Node, and all of its tests. */

import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { errorMessage } from '../../src/errors.ts';
import { freshDirectory, Place } from '../support/place.ts';
import { REPOSITORY } from '../support/process.ts';
import { makeTree } from '../support/tree.ts';
import type { NodeRelease } from './node-release.ts';
import type { Npm, NpmOptions } from './npm.ts';

/** What is made from the rest, and what tests do not read. */
const LEFT_OUT: readonly string[] = ['node_modules', 'dist', 'dist-test', '.git'];

export interface Suite {
  readonly passed: number;
  readonly failures: readonly string[];
}

/**
 * Installs the lock file's packages, of which better-sqlite3 12 compiles for Node 20; on all others version 13 takes its place, as it
 * does wherever a checkout is installed. Then looks with the README's first command, and runs `npm test`.
 */
export async function runSuite(parent: string, release: NodeRelease, npm: Npm): Promise<Suite> {
  const directory = freshDirectory(parent, 'checkout');
  cpSync(REPOSITORY, directory, {
    recursive: true,
    filter: (path) => !LEFT_OUT.includes(relative(REPOSITORY, path)),
  });
  const options: NpmOptions = { directory, nodeDirectory: release.directory };
  const isCompiled = release.version.startsWith('20.');
  await npm.run(isCompiled ? ['ci'] : ['ci', '--ignore-scripts'], options);
  if (!isCompiled) await npm.run(['run', 'prepare'], options);
  const home = new Place(freshDirectory(parent, 'home'));
  makeTree(join(home.directory, '.claude'), { sessions: 20, seed: 1 });
  await npm.run(['run', 'dry-run'], { ...options, environment: { HOME: home.directory } });
  const report = join(parent, 'report.json');
  try {
    await npm.run(['test', '--', '--reporter=json', `--outputFile=${report}`], options);
  } catch (error) {
    const suite = readReport(report, error);
    // An error that no test has caught fails all of them, and stands in none.
    return suite.failures.length > 0 ? suite : { ...suite, failures: [errorMessage(error)] };
  }
  return readReport(report);
}

interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/**
 * @param cause why `npm test` failed, if it did
 * @throws where the tests did not come so far as to write it
 */
function readReport(path: string, cause?: unknown): Suite {
  if (!existsSync(path)) throw new Error(`the tests wrote no report: ${errorMessage(cause)}`);
  const { numPassedTests, testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report;
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((result) => result.status === 'failed').map(({ fullName }) => fullName);
    // A file that could not be loaded has no tests that failed.
    return failed.length === 0 && status === 'failed' ? [`${name}: ${message}`] : failed;
  });
  return { passed: numPassedTests, failures };
}
