/**
 * A host that does everything a host may, as fast as it can: `writer.js BACKEND DIRECTORY NUMBER SEED OPERATIONS`. It keeps a model of
 * its own keys, holds every answer against it, and reports to stdout what it was promised.
 */

import { join } from 'node:path';
import { openResumeMap, type ResumeMap, sessionKey } from '../../support/library.ts';
import { seededRandom } from '../../support/samples.ts';
import { sessionIdOf } from '../../support/tree.ts';
import { JsonMap } from '../controls/json-map.ts';

/** What the writers use of a resume map. */
export interface WriterMap
  extends Pick<
    ResumeMap,
    | 'setSession'
    | 'dropSession'
    | 'dropAllForIssue'
    | 'incrementSessionResumeAttempts'
    | 'incrementSessionResumeFailures'
    | 'close'
  > {
  getSession(key: string): Promise<string | null>;
}

export interface WriterReport {
  /** What the rows of its own keys must hold. */
  readonly own: Readonly<Record<string, string>>;
  /** What it wrote last to the keys that all write to. */
  readonly shared: Readonly<Record<string, string>>;
  readonly attempts: number;
  readonly failures: number;
  /** One sentence for each operation that failed, or answered what is not so. */
  readonly faults: readonly string[];
  readonly tookMs: readonly number[];
}

const OWN_ISSUES = 40;
const OWN_AGENTS = 2;
const SHARED_ISSUES = 5;
const IDS_OF_ONE = 10_000_000;

const [backend = '', directory = '', number = '', seed = '', operations = ''] = process.argv.slice(2);
const random = seededRandom(Number(seed) * 100 + Number(number));
const map: WriterMap =
  backend === 'json' ? new JsonMap(join(directory, 'map.json')) : await openResumeMap({ stateDir: directory });
const own = new Map<string, string>();
const shared = new Map<string, string>();
const counted = { attempts: 0, failures: 0 };
const faults: string[] = [];
const tookMs: number[] = [];
let ids = 0;

const below = (limit: number) => Math.floor(random() * limit);
const ownRepo = `acme/own_${number}`;
const agentOf = (agent: number) => `agent-${agent}`;
const ownKey = (agent: number, issue: number) =>
  sessionKey({ forge: 'forgejo', agent: agentOf(agent), repo: ownRepo, issue });

function newId(): string {
  ids += 1;
  return sessionIdOf((1 + Number(number)) * IDS_OF_ONE + ids);
}

function expectAnswer(what: string, answer: unknown, expected: unknown): void {
  if (answer !== expected) faults.push(`${what} answered ${answer}, not ${expected}`);
}

/** Each is as likely as it stands here often. */
const OPERATIONS: readonly (() => Promise<void>)[] = [
  set,
  set,
  set,
  touch,
  get,
  get,
  drop,
  dropIssue,
  setShared,
  count,
];

async function set(): Promise<void> {
  const [key, id] = [ownKey(below(OWN_AGENTS), below(OWN_ISSUES)), newId()];
  await map.setSession(key, id);
  own.set(key, id);
}

async function touch(): Promise<void> {
  const [key, id] = [...own][below(own.size)] ?? [];
  if (key === undefined || id === undefined) return set();
  await map.setSession(key, id);
}

async function get(): Promise<void> {
  const key = ownKey(below(OWN_AGENTS), below(OWN_ISSUES));
  expectAnswer(`get ${key}`, await map.getSession(key), own.get(key) ?? null);
}

async function drop(): Promise<void> {
  const key = ownKey(below(OWN_AGENTS), below(OWN_ISSUES));
  expectAnswer(`drop ${key}`, await map.dropSession(key), own.has(key));
  own.delete(key);
}

async function dropIssue(): Promise<void> {
  const issue = below(OWN_ISSUES);
  const keys = Array.from({ length: OWN_AGENTS }, (_, agent) => ownKey(agent, issue));
  const known = keys.filter((key) => own.has(key));
  expectAnswer(`drop all of ${ownRepo}:${issue}`, await map.dropAllForIssue(ownRepo, issue), known.length);
  for (const key of known) own.delete(key);
}

async function setShared(): Promise<void> {
  const issue = below(SHARED_ISSUES);
  const key = sessionKey({ forge: 'forgejo', agent: 'all', repo: 'acme/shared', issue });
  const id = newId();
  await map.setSession(key, id);
  shared.set(key, id);
  if ((await map.getSession(key)) === null) faults.push(`${key}, which nobody drops, is not there`);
}

async function count(): Promise<void> {
  if (random() < 0.5) {
    await map.incrementSessionResumeAttempts();
    counted.attempts += 1;
  } else {
    await map.incrementSessionResumeFailures();
    counted.failures += 1;
  }
}

for (let operation = 0; operation < Number(operations); operation += 1) {
  const startedAt = performance.now();
  try {
    await OPERATIONS[below(OPERATIONS.length)]?.();
  } catch (error) {
    faults.push(`an operation failed: ${error}`);
  }
  tookMs.push(performance.now() - startedAt);
}
await map.close();

const report: WriterReport = {
  own: Object.fromEntries(own),
  shared: Object.fromEntries(shared),
  ...counted,
  faults,
  tookMs,
};
console.log(JSON.stringify(report));
