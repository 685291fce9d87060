/**
 * Runs the program on every Node that it is for, and ends with one line a Node. `npm run test:nodes` runs all tests on each of them,
 * and what `--short` runs, which CI does: the packed package is installed as its users do, and used. `npm run test:nodes -- 20 24` tries
 * some of them.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorMessage } from '../../src/errors.ts';
import { inParallel } from '../faults/harness.ts';
import { freshDirectory } from '../support/place.ts';
import { sendSignal, withDescendants } from '../support/process.ts';
import { runSuite } from './checkout.ts';
import { nativeFailures } from './native.ts';
import { fetchNode, type NodeRelease } from './node-release.ts';
import { Npm } from './npm.ts';
import { dryRunFailures, type Installed, type InstallOptions, install, isOnNodeApi, pack } from './packed.ts';
import { packBinding } from './prebuilt.ts';
import { refusalFailures, unguardedEnd } from './refusals.ts';
import { commandsNotTried, everyCommand, makeTemplate, PRUNE, roundFailures, type Template } from './round.ts';
import { Verdict } from './verdict.ts';
import { wayFailures } from './ways.ts';

/**
 * The oldest release that serves, where that is named; else the newest. Each is fetched and installed while those before it are tried;
 * the last one is that for which SQLite may have to be compiled, which takes minutes.
 */
const SUPPORTED: readonly string[] = ['22.14.0', '24', '26', '20.19.0'];
/** The oldest whose syntax the refusal is written in, and the last one before one that serves. */
const UNSUPPORTED: readonly string[] = ['12.22.12', '22.13.1'];
const ROUNDS = 20;
const SESSIONS = 2_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false } },
});
const isNamedBy = (name: string, range: string) => `${range}.`.startsWith(`${name}.`);
const unknown = positionals.filter((name) => !SUPPORTED.some((range) => isNamedBy(name, range)));
if (unknown.length > 0) {
  console.error(`${unknown.join(', ')}: not one of ${SUPPORTED.join(', ')}`);
  process.exit(1);
}
const work = mkdtempSync(join(tmpdir(), 'sweeper-nodes-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const pid of withDescendants(process.pid).slice(1)) sendSignal(pid, 'SIGKILL');
    rmSync(work, { recursive: true, force: true, maxRetries: 5 });
    process.exit(1);
  });
}
const npm = new Npm(join(work, 'npm-cache'));
let verdicts: readonly Verdict[];
try {
  verdicts = await tryAll();
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
for (const verdict of verdicts) console.log(verdict.line);
process.exit(verdicts.every(({ failures }) => failures.length === 0) ? 0 : 1);

/** One Node, with the package installed on it; neither where that did not work, as the verdict says then. */
interface Candidate {
  readonly verdict: Verdict;
  readonly release?: NodeRelease;
  readonly installed?: Installed;
}

type Ready = Required<Candidate>;

async function tryAll(): Promise<Verdict[]> {
  const tarball = await pack(npm, work);
  // The whole form compiles, as users do who get no binary.
  const environment = values.short ? await packBinding(work) : {};
  const template = makeTemplate(join(work, 'template'), SESSIONS);
  let before: Promise<unknown> = Promise.resolve();
  const preparing = SUPPORTED.map((range) => {
    const prepared = before.then(() => prepare(range, { tarball, npm, environment }));
    before = prepared;
    return prepared;
  });
  const fetching = before.then(() => Promise.allSettled(UNSUPPORTED.map((version) => fetchNode(version, work, npm))));
  for (const [number, range] of SUPPORTED.entries()) {
    const candidate = await preparing[number];
    const isChosen = positionals.length === 0 || positionals.some((name) => isNamedBy(name, range));
    if (isChosen && candidate !== undefined && isReady(candidate)) await tryOne(candidate, template);
  }
  const candidates = await Promise.all(preparing);
  return [...candidates.map(({ verdict }) => verdict), await tryRefusals(candidates.filter(isReady), await fetching)];
}

function isReady(candidate: Candidate): candidate is Ready {
  return candidate.release !== undefined && candidate.installed !== undefined;
}

/** Installs the package twice where it needs no compiler: also as an npm does that runs no install scripts unasked. */
async function prepare(range: string, installing: Omit<InstallOptions, 'release' | 'runsScripts'>): Promise<Candidate> {
  const verdict = new Verdict(`Node ${range}`);
  try {
    const release = await fetchNode(range, work, npm);
    const options = { ...installing, release };
    const installed = await install(work, `installed-${range}`, { ...options, runsScripts: true });
    verdict.name = `Node ${release.version} with better-sqlite3 ${installed.sqliteVersion}`;
    verdict.add('installed', await dryRunFailures(installed, release, join(work, `home-${range}`)));
    verdict.add('native part', await nativeFailures(installed, release));
    const mustBeOnNodeApi = !range.startsWith('20.');
    if (isOnNodeApi(installed) !== mustBeOnNodeApi) verdict.add('', ['npm took the other better-sqlite3']);
    if (mustBeOnNodeApi) {
      const bare = await install(work, `bare-${range}`, { ...options, runsScripts: false });
      verdict.add('without scripts', await dryRunFailures(bare, release, join(work, `home-${range}`)));
    }
    verdict.add('global, prefix, npx and uninstall', await wayFailures({ ...options, runsScripts: true }, work));
    return { verdict, release, installed };
  } catch (error) {
    verdict.add('', [errorMessage(error)]);
    return { verdict };
  }
}

async function tryOne({ verdict, release, installed }: Ready, template: Template): Promise<void> {
  const tried = {
    executable: release.executable,
    program: installed.program,
    hostDirectory: installed.directory,
  };
  try {
    verdict.add('', await commandsNotTried(tried, template));
    const isWhole = (number: number) => number === 0 || !values.short;
    const rounds = Array.from({ length: ROUNDS }, (_, number) => (isWhole(number) ? everyCommand(template) : PRUNE));
    await inParallel(rounds, availableParallelism(), async (round, hand) => {
      verdict.add('', await roundFailures(tried, round, template, freshDirectory(work, `round-${hand}`)));
    });
    verdict.add(`every command ${values.short ? 'once' : `${ROUNDS} times`}`, []);
    verdict.add(`${ROUNDS} prunes, daemons and hosts`, []);
    if (values.short) return;
    const suite = await runSuite(freshDirectory(work, 'suite'), release, npm);
    verdict.add(`${suite.passed} tests passed`, suite.failures);
  } catch (error) {
    verdict.add('', [errorMessage(error)]);
  }
}

/** With the control: a binding that the guard refuses does crash where it is not asked. */
async function tryRefusals(
  candidates: readonly Ready[],
  unsupported: readonly PromiseSettledResult<NodeRelease>[],
): Promise<Verdict> {
  const verdict = new Verdict('Refusals');
  try {
    const [onNodeApi, compiled] = [true, false].map((is) =>
      candidates.find(({ installed }) => isOnNodeApi(installed) === is),
    );
    if (onNodeApi === undefined || compiled === undefined) throw new Error('there is no foreign binding to refuse');
    for (const { release, installed } of candidates) {
      const foreign = isOnNodeApi(installed) ? compiled.installed : onNodeApi.installed;
      verdict.add(
        `Node ${release.version} with the binding of another one`,
        await refusalFailures(release, foreign, join(work, 'refused')),
      );
    }
    for (const fetched of unsupported) {
      if (fetched.status === 'rejected') throw fetched.reason;
      const failures = await refusalFailures(fetched.value, onNodeApi.installed, join(work, 'refused'));
      verdict.add(`Node ${fetched.value.version}`, failures);
    }
    const end = await unguardedEnd(compiled.release, onNodeApi.installed);
    const isCaught = end === 'SIGSEGV' || end === 'SIGABRT';
    verdict.add(
      `control without the guard: ${end}`,
      isCaught ? [] : ['the control did not crash, so that a refusal proves nothing'],
    );
  } catch (error) {
    verdict.add('', [errorMessage(error)]);
  }
  return verdict;
}
