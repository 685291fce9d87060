/**
 * Brings the services of deploy/docker-compose.yml up as they are written there, each of its keys in podman's words; a key that is not known
 * here fails. All but the ports is taken over: the bot is on this machine's network, where the model that it asks is made up.
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { FakeApi } from '../claude/fake-api.ts';
import { text } from '../claude/replies.ts';
import { REPOSITORY } from '../support/process.ts';
import { until } from '../support/wait.ts';
import type { Checks } from './checks.ts';
import type { Podman } from './podman.ts';

const FILE = join(REPOSITORY, 'deploy/docker-compose.yml');
const PROGRAM = ['node', '/app/dist/program/main.js'] as const;
const GRACE_SECONDS = 10;

interface Service {
  readonly build: { readonly context: string; readonly target: string };
  readonly image: string;
  readonly [key: string]: unknown;
}

type Translate = (value: unknown) => readonly string[];
const each =
  (flag: string): Translate =>
  (value) =>
    (value as string[]).flatMap((one) => [flag, one]);
const one =
  (flag: string): Translate =>
  (value) => [flag, String(value)];
const nothing: Translate = () => [];

/** What podman says for each key of a service. */
const KEYS: Readonly<Record<string, Translate>> = {
  build: nothing,
  image: nothing,
  command: nothing,
  ports: nothing,
  // Of Compose's own: the order, and what becomes of a container that has ended.
  depends_on: nothing,
  restart: nothing,
  stop_grace_period: (value) => ['--stop-timeout', String(Number.parseInt(String(value), 10))],
  user: one('--user'),
  init: nothing,
  environment: (value) => Object.entries(value as object).flatMap(([name, text]) => ['--env', `${name}=${text}`]),
  volumes: (value) => (value as (string | BindMount)[]).flatMap((mount) => ['--volume', asVolume(mount)]),
  pid: (value) => ['--pid', String(value).replace('service:', 'container:')],
  read_only: () => ['--read-only', '--read-only-tmpfs=false'],
  tmpfs: each('--tmpfs'),
  cap_drop: each('--cap-drop'),
  security_opt: (value) => (value as string[]).flatMap((one) => ['--security-opt', one.replace(':true', '')]),
  mem_limit: one('--memory'),
  pids_limit: one('--pids-limit'),
};

interface BindMount {
  readonly type: 'bind';
  readonly source: string;
  readonly target: string;
  readonly read_only: boolean;
}

function asVolume(mount: string | BindMount): string {
  return typeof mount === 'string' ? mount : `${mount.source}:${mount.target}${mount.read_only ? ':ro' : ''}`;
}

function readServices(): Readonly<Record<string, Service>> {
  return (parse(readFileSync(FILE, 'utf8'), { merge: true }) as { services: Record<string, Service> }).services;
}

async function bringUp(
  podman: Podman,
  name: string,
  service: Service,
  base: string,
  added: { readonly network: string; readonly environment: Readonly<Record<string, string>> },
): Promise<void> {
  const { build, command = [], ...rest } = service;
  await podman.build(service.image, join(dirname(FILE), build.context), { NODE_IMAGE: base }, build.target);
  const flags = Object.entries(rest).flatMap(([key, value]) => {
    const translate = KEYS[key];
    if (translate === undefined) throw new Error(`${FILE}: the key ${key} is not known here`);
    return translate(value);
  });
  const environment = Object.entries(added.environment).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const image = `localhost/${service.image}`;
  await podman.startAs(name, ['--network', added.network, ...flags, ...environment, image, ...(command as string[])]);
}

/** The first port that a bot says it listens on. */
function portOf(podman: Podman, name: string): Promise<string> {
  return until('the bot to listen', async () => /listening on (\d+)/.exec(await podman.log(name))?.[1]);
}

export const COMPOSE_CHECKS: Checks = {
  'comes up by the compose file, beside a bot whose conversation it keeps': async ({ podman, base }) => {
    const { 'claude-host': bot, 'claude-session-sweeper': worker, ...others } = readServices();
    if (bot === undefined || worker === undefined || Object.keys(others).length > 0) throw new Error('other services');
    const api = await FakeApi.start();
    try {
      const environment = { ANTHROPIC_API_KEY: 'none', ANTHROPIC_BASE_URL: api.url, HOST: '127.0.0.1', PORT: '0' };
      await bringUp(podman, 'claude-host', bot, base, { network: 'host', environment });
      const port = await portOf(podman, 'claude-host');
      await bringUp(podman, 'claude-session-sweeper', worker, base, { network: 'none', environment: {} });
      await until('the worker to be healthy', () => podman.isHealthy('claude-session-sweeper'));
      api.script('You help with issue 12 of acme/app.\n\nIt crashes.', text('Where?'));
      const event = { action: 'comment', repo: 'acme/app', issue: 12, text: 'It crashes.' };
      const answer = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: JSON.stringify(event) });
      const said = await answer.text();
      if (said !== '{"answered":"Where?"}') throw new Error(`${said}: ${await podman.log('claude-host')}`);
      await throwUnlessKept(podman);
      const code = await podman.stop('claude-session-sweeper', GRACE_SECONDS);
      if (code !== 0) throw new Error(`the worker ended with ${code}`);
    } finally {
      await api.close();
    }
  },
};

/** By both: what the bot goes on with is live, however old its file is; what nobody goes on with goes. */
async function throwUnlessKept(podman: Podman): Promise<void> {
  const sh = (script: string) => podman.exec('claude-session-sweeper', 'sh', '-c', script);
  const other = '00000000-0000-4000-8000-000000000001';
  const made = await podman.exec('claude-host', 'sh', '-c', `echo '{}' > /claude/projects/-bot/${other}.jsonl`);
  if (made.code !== 0) throw new Error(`${made.stderr} ${(await sh('ls -R /claude')).stdout}`);
  const touched = await sh(`for file in /claude/projects/*/*.jsonl; do touch -d '40 days ago' "$file"; done`);
  if (touched.code !== 0) throw new Error(touched.stderr);
  const { stdout, stderr } = await podman.exec('claude-session-sweeper', ...PROGRAM, 'run', '--json', '--yes');
  const prune = (
    JSON.parse(stdout) as { jobs: { job: string; kept?: object; removed?: { sessions: number } }[] }
  ).jobs.find(({ job }) => job === 'prune-transcripts');
  const kept = JSON.stringify(prune?.kept);
  if (prune?.removed?.sessions !== 1 || !kept.includes('"live":1')) throw new Error(`${stdout}\n${stderr}`);
}
