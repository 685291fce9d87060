import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CONFIG_FILE_VARIABLE } from '../src/config/config.ts';
import { defaultConfigPath } from '../src/config/config-file.ts';
import { SETTING_PATHS, settingTable, variableOf } from '../src/config/settings.ts';
import { EXIT_CODES, type ExitKind } from '../src/exit-codes.ts';
import { UNSUPPORTED_NODE_EXIT_CODE } from '../src/process/supported-node.ts';
import { makeCertificate } from './support/certificate.ts';
import { resolveConfig } from './support/resolved-config.ts';
import { tempDir } from './support/temp-dir.ts';

const top = fileURLToPath(new URL('..', import.meta.url));
const DAEMON_UNIT = 'deploy/systemd/claude-session-sweeper@.service';
const ONCE_UNIT = 'deploy/systemd/claude-session-sweeper-once@.service';
const TIMER_UNIT = 'deploy/systemd/claude-session-sweeper-once@.timer';
const USER_UNIT = 'deploy/systemd/user/claude-session-sweeper.service';
const ENVIRONMENT_EXAMPLE = 'deploy/systemd/claude-session-sweeper.env.example';
const COMPOSE_FILE = 'deploy/docker-compose.yml';
const SERVICE_UNITS = [DAEMON_UNIT, ONCE_UNIT] as const;

const deployFiles = readdirSync(join(top, 'deploy'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(top.length));

/** Ten times the exposure that systemd-analyze shows: 20 is well within “OK”. */
const EXPOSURE_MAX = '20';
/** What the worker takes at the most to finish its batch, with the time systemd and Docker need around it. */
const STOP_MIN_SECONDS = 5;

function read(file: string): string {
  return readFileSync(join(top, file), 'utf8');
}

/** The directives of a unit in their order; one that stands twice has both values. */
function directives(unit: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [, key = '', value = ''] of read(unit).matchAll(/^([A-Za-z]+)=(.*)$/gm)) {
    found.set(key, [...(found.get(key) ?? []), value]);
  }
  return found;
}

function words(unit: string, key: string): string[] {
  return (directives(unit).get(key) ?? []).flatMap((value) => value.split(' '));
}

/** `KEY=value` and `KEY='value'`, as systemd reads an environment file. */
function assignments(text: string): Record<string, string> {
  const found = text.matchAll(/^([A-Z_]+)=(?:'(.*)'|(.*))$/gm);
  return Object.fromEntries([...found].map(([, name, quoted, plain]) => [name, quoted ?? plain]));
}

function imageEnvironment(): Record<string, string> {
  const [, pairs = ''] = /^ENV ((?:.*\\\n)*.*)$/m.exec(read('Dockerfile')) ?? [];
  return assignments(pairs.replaceAll('\\\n', '').replaceAll(/\s+/g, '\n'));
}

/** @returns the exit code of the image's own, where its daemon would listen on that port */
function healthCheck(port: number): Promise<number | null> {
  const [, ...args] = execForm(/^ {2}CMD (.*)$/m);
  const env = { ...process.env, SWEEPER_LISTEN: `0.0.0.0:${port}` };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env }).on('exit', resolve);
  });
}

/** The words of a Dockerfile instruction in its form without a shell. */
function execForm(instruction: RegExp): string[] {
  const [, list = ''] = instruction.exec(read('Dockerfile')) ?? [];
  return JSON.parse(list) as string[];
}

interface ComposeService {
  readonly user: string;
  readonly volumes: readonly (string | { readonly target: string })[];
  readonly environment: Readonly<Record<string, string>>;
}

interface Sidecar extends ComposeService {
  readonly pid: string;
  readonly read_only: boolean;
  readonly tmpfs: readonly string[];
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly stop_grace_period: string;
  readonly mem_limit: string;
  readonly ports: readonly string[];
}

interface ComposeFile {
  readonly services: { readonly 'claude-host': ComposeService; readonly 'claude-session-sweeper': Sidecar };
}

interface ScrapeFile {
  readonly scrape_configs: readonly { readonly static_configs: readonly { readonly targets: readonly string[] }[] }[];
}

function composeServices() {
  const { services } = parse(read(COMPOSE_FILE)) as ComposeFile;
  return { host: services['claude-host'], sidecar: services['claude-session-sweeper'] };
}

function analyze(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8', cwd: top });
  return { status, stdout, stderr };
}

const hasSystemdAnalyze = analyze('--version').status === 0;
if (!hasSystemdAnalyze) {
  console.warn(
    'systemd-analyze is NOT INSTALLED: the units of deploy/systemd are NOT VERIFIED (Debian package systemd)',
  );
}

describe('the settings that the deploy files name', () => {
  it.each(['Dockerfile', ...deployFiles])('are ones that the program has: %s', (file) => {
    const known: string[] = [...SETTING_PATHS.map(variableOf), CONFIG_FILE_VARIABLE];
    const named = read(file).match(/SWEEPER_[A-Z][A-Z_]*/g) ?? [];
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('have values that the program takes', () => {
    const { sidecar } = composeServices();
    const example = assignments(read(ENVIRONMENT_EXAMPLE).replaceAll(/^#(?=SWEEPER_)/gm, ''));
    expect(Object.keys(example).length).toBeGreaterThan(10);
    for (const environment of [example, imageEnvironment(), { ...imageEnvironment(), ...sidecar.environment }]) {
      const { origins } = resolveConfig({ flags: {}, environment, home: '/home/claude' });
      const given = SETTING_PATHS.filter((path) => origins[path] === 'environment');
      const ours = Object.keys(environment).filter((name) => name.startsWith('SWEEPER_'));
      expect(given.map(variableOf).sort()).toEqual(ours.sort());
    }
  });
});

describe('the systemd units', () => {
  it.skipIf(!hasSystemdAnalyze)('are understood by systemd without a word', () => {
    const { stderr, stdout } = analyze('verify', DAEMON_UNIT, ONCE_UNIT, TIMER_UNIT, USER_UNIT);
    // Only that the program is not installed here may be said; unknown keys leave the exit code at 0.
    const said = `${stdout}${stderr}`.split('\n').filter((line) => {
      return line !== '' && !/: Command \/usr\/bin\/claude-session-sweeper is not executable: /.test(line);
    });
    expect(said).toEqual([]);
  });

  it.skipIf(!hasSystemdAnalyze).each(SERVICE_UNITS)('leave little exposed: %s', (unit) => {
    const { status, stdout } = analyze('security', '--offline=yes', `--threshold=${EXPOSURE_MAX}`, unit);
    expect(status, stdout.split('\n').slice(-3).join('\n')).toBe(0);
  });

  it('start again where time may help, and not where a person must act first', () => {
    const prevented = words(DAEMON_UNIT, 'RestartPreventExitStatus').map(Number);
    const forPeople: ExitKind[] = ['usage', 'bad-data', 'config'];
    expect(prevented).toEqual(forPeople.map((kind) => EXIT_CODES[kind]));
    expect(words(ONCE_UNIT, 'SuccessExitStatus').map(Number)).toEqual([EXIT_CODES.locked]);
  });

  it('do not start again what this Node cannot run', () => {
    expect(words(DAEMON_UNIT, 'RestartPreventExitStatus')).toContain(String(UNSUPPORTED_NODE_EXIT_CODE));
    expect(directives(ONCE_UNIT).has('Restart')).toBe(false);
    expect(words(ONCE_UNIT, 'SuccessExitStatus')).not.toContain(String(UNSUPPORTED_NODE_EXIT_CODE));
  });

  it('start and end for a user of a laptop as they do for a host', () => {
    const [ofUser, ofHost] = [directives(USER_UNIT), directives(DAEMON_UNIT)];
    const ownToUsers = ['Environment', 'ExecStart', 'WantedBy', 'Description'];
    for (const [key, values] of ofUser)
      if (!ownToUsers.includes(key)) expect([key, ofHost.get(key)]).toEqual([key, values]);
    for (const key of ['Restart', 'RestartPreventExitStatus', 'Type', 'WatchdogSec'])
      expect(ofUser.has(key)).toBe(true);
  });

  it('say of every exit code whether it is tried again', () => {
    const reasons = [...read(DAEMON_UNIT).matchAll(/^# {3}(\d\d) .*? (yes|no) /gm)];
    const prevented = words(DAEMON_UNIT, 'RestartPreventExitStatus');
    // No daemon ends with what doctor ends with.
    const codes = Object.values(EXIT_CODES).filter((code) => code !== EXIT_CODES.ok && code !== EXIT_CODES.problems);
    const expected = codes.map((code) => [String(code), prevented.includes(String(code)) ? 'no' : 'yes']);
    expect(reasons.map(([, code, answer]) => [code, answer])).toEqual(expected);
  });

  it.each(SERVICE_UNITS)('give the worker the time to finish its batch: %s', (unit) => {
    expect(Number.parseInt(words(unit, 'TimeoutStopSec')[0] ?? '', 10)).toBeGreaterThan(STOP_MIN_SECONDS);
  });

  it.each(SERVICE_UNITS)('let the worker see which sessions run: %s', (unit) => {
    const found = directives(unit);
    expect(found.get('ProtectProc')).toEqual(['default']);
    expect(found.get('ProcSubset')).toEqual(['all']);
    expect(found.has('PrivatePIDs')).toBe(false);
  });

  it.each(SERVICE_UNITS)('let V8 compile: %s', (unit) => {
    expect(directives(unit).get('MemoryDenyWriteExecute')).toEqual(['no']);
  });

  it.each(SERVICE_UNITS)(
    'bind a Claude directory whole, so that a rename into its trash stays in one mount: %s',
    (unit) => {
      const places = words(unit, 'BindPaths');
      expect(places).toContain('-/home/%i/.claude');
      expect(places.filter((place) => place.includes('/projects'))).toEqual([]);
    },
  );

  it.each(SERVICE_UNITS)(
    'bind the state directory by its name and by its former one, under which a map protects as well: %s',
    (unit) => {
      const homes = { home: '/home/%i', environment: {} };
      const { stateDir, formerStateDir } = resolveConfig({ ...homes, flags: {} }).config;
      expect(words(unit, 'BindPaths')).toEqual(expect.arrayContaining([`-${stateDir}`, `-${formerStateDir}`]));
    },
  );

  it.each(SERVICE_UNITS)('let the configuration of its user be read: %s', (unit) => {
    const directory = dirname(defaultConfigPath('/home/%i', {}));
    expect(words(unit, 'BindReadOnlyPaths')).toEqual([`-${directory}`]);
  });

  it.each(SERVICE_UNITS)('never let a missing state directory be made in memory: %s', (unit) => {
    const found = directives(unit);
    expect(found.get('ProtectSystem')).toEqual(['strict']);
    expect(words(unit, 'TemporaryFileSystem').filter((mount) => !mount.endsWith(':ro'))).toEqual([]);
    expect(found.get('ProtectHome')).toBeUndefined();
  });

  it('fence the one-shot service in like the daemon, but for the network, which it does without', () => {
    const differing = new Set(['Type', 'ExecStart', 'Description', 'WantedBy', 'TimeoutStartSec', 'SuccessExitStatus']);
    const ofRestarts = ['Restart', 'RestartSec', 'RestartPreventExitStatus', 'StartLimitIntervalSec'];
    const ofTheNetwork = ['RestrictAddressFamilies', 'IPAddressAllow', 'PrivateNetwork'];
    // Only the daemon has a process beside the one that takes the memory.
    const ofItsLife = ['OOMPolicy', 'ExecReload', 'NotifyAccess', 'WatchdogSec'];
    for (const key of [...ofRestarts, ...ofTheNetwork, ...ofItsLife]) differing.add(key);
    const shared = (unit: string) => Object.fromEntries([...directives(unit)].filter(([key]) => !differing.has(key)));
    expect(shared(ONCE_UNIT)).toEqual(shared(DAEMON_UNIT));
    expect(directives(ONCE_UNIT).get('PrivateNetwork')).toEqual(['yes']);
  });
});

describe('the image', () => {
  it('runs the program as a plain user, without a shell that would keep signals from it', () => {
    expect(read('Dockerfile')).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
    expect(execForm(/^ENTRYPOINT (.*)$/m)).toEqual(['node', '/app/dist/program/main.js']);
  });

  it('serves the port that it exposes, and keeps what it writes in volumes', () => {
    const environment = imageEnvironment();
    const [, port] = /^EXPOSE (\d+)$/m.exec(read('Dockerfile')) ?? [];
    expect(environment.SWEEPER_LISTEN).toBe(`0.0.0.0:${port}`);
    const volumes = execForm(/^VOLUME (.*)$/m);
    expect(volumes).toEqual([environment.CLAUDE_CONFIG_DIR, environment.SWEEPER_STATE_DIR]);
  });

  it.each([
    { answer: 200, verdict: 'healthy', exitCode: 0 },
    { answer: 503, verdict: 'ill', exitCode: 1 },
    { answer: undefined, verdict: 'ill', exitCode: 1 },
  ])('has a health check that says $verdict where the answer is $answer', async ({ answer, exitCode }) => {
    const server = createServer((request, reply) => {
      reply.writeHead(request.url === '/healthz' ? (answer ?? 500) : 404).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    if (answer === undefined) await new Promise((resolve) => server.close(resolve));
    expect(await healthCheck(port)).toBe(exitCode);
    server.close();
  });

  it('has a health check that asks as it is served, with a certificate too', async () => {
    const { cert, key } = makeCertificate(tempDir(), 'container');
    const tls = { cert: readFileSync(cert), key: readFileSync(key) };
    const server = createSecureServer(tls, (_request, reply) => reply.writeHead(200).end());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    expect(await healthCheck((server.address() as AddressInfo).port)).toBe(0);
    server.close();
  });
});

describe('the memory that a prune is said to take', () => {
  it.each([DAEMON_UNIT, COMPOSE_FILE])('is what the benchmarks say that it was measured to take: %s', (file) => {
    const [, files, measured] =
      /^\| peak memory of a prune of ([\d,]+) files[^|]*\| (\d+ MB) \|/m.exec(read('docs/benchmarks.md')) ?? [];
    expect(read(file)).toContain(`A prune of ${files} files takes ${measured}`);
  });
});

describe('the compose file', () => {
  it('fences the sidecar in', () => {
    const { sidecar } = composeServices();
    expect(sidecar).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      tmpfs: ['/tmp'],
    });
    expect(sidecar.mem_limit).toMatch(/^\d+[mg]$/);
    expect(Number.parseInt(sidecar.stop_grace_period, 10)).toBeGreaterThan(STOP_MIN_SECONDS);
    expect(sidecar.ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('has host and sidecar share user, volumes, machine id and pid namespace', () => {
    const { host, sidecar } = composeServices();
    expect(sidecar.user).toBe(host.user);
    expect(sidecar.volumes).toEqual(host.volumes);
    expect(sidecar.pid).toBe('service:claude-host');
    const targets = sidecar.volumes.map((volume) =>
      typeof volume === 'string' ? volume.split(':')[1] : volume.target,
    );
    const { CLAUDE_CONFIG_DIR, SWEEPER_STATE_DIR } = imageEnvironment();
    expect(targets).toEqual([CLAUDE_CONFIG_DIR, SWEEPER_STATE_DIR, '/etc/machine-id']);
    expect(host.environment).toMatchObject({
      CLAUDE_CONFIG_DIR,
      CLAUDE_HOOKS_STATE_DIR: SWEEPER_STATE_DIR,
    });
  });
});

describe('the Prometheus snippet', () => {
  it('scrapes where the daemon listens by default', () => {
    const { scrape_configs } = parse(read('deploy/prometheus/scrape.yml')) as ScrapeFile;
    const { listen } = settingTable({ home: '/' });
    const address = listen.show(listen.defaultValue({ home: '/', environment: {} }));
    const targets = scrape_configs.flatMap((job) => job.static_configs.flatMap(({ targets }) => targets));
    expect(targets).toEqual([address]);
  });
});
