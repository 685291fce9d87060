/** The real Claude Code and Agent SDK in a clean environment: they know the fake model, and nothing else of the world. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Options, query, type SDKMessage, type SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { type Exit, run } from '../support/process.ts';
import { until } from '../support/wait.ts';

/** The same binary that the SDK starts. */
const CLAUDE = createRequire(createRequire(import.meta.url).resolve('@anthropic-ai/claude-agent-sdk')).resolve(
  `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}/claude`,
);

export interface ClientResult {
  readonly sessionId: string | undefined;
  readonly messages: readonly SDKMessage[];
  /** Of the result message: its text where all went well, its errors where not. */
  readonly said: string;
  readonly isError: boolean;
}

export interface CliResult extends ClientResult {
  readonly code: number | null;
  readonly stderr: string;
}

export interface SdkResult extends ClientResult {
  /** What iterating threw in the end. */
  readonly thrown: string | undefined;
}

export interface RunningCli {
  readonly finished: Promise<CliResult>;
  kill(): void;
}

/** What a run of the client is started in, where that is not the place as it is. */
export interface CliSurroundings {
  /** A command that is given the client's own, e.g. to run it where the file system looks otherwise. */
  readonly within?: readonly string[];
  /** Variables that it is to do without. */
  readonly without?: readonly string[];
}

/** Where a client lives: its directory, and the model that it talks to. */
export interface Surroundings {
  readonly root: string;
  readonly apiUrl: string;
  readonly configDir?: string;
}

export class Claude {
  readonly configDir: string;
  /** Where it works; the project's directory below `projects/` is named after it. */
  readonly projectDir: string;
  readonly #surroundings: Surroundings;
  /** How to end what runs; shared with its copies. */
  readonly #running: Set<() => Promise<unknown>>;

  constructor(surroundings: Surroundings, running = new Set<() => Promise<unknown>>()) {
    this.#surroundings = surroundings;
    this.#running = running;
    this.configDir = surroundings.configDir ?? join(surroundings.root, 'claude');
    this.projectDir = join(surroundings.root, 'project');
    for (const path of [
      this.configDir,
      this.projectDir,
      join(surroundings.root, 'home'),
      join(surroundings.root, 'tmp'),
    ]) {
      mkdirSync(path, { recursive: true });
    }
    // Claude's own clean-up would take what is old here five seconds after a start.
    writeFileSync(join(this.configDir, 'settings.json'), JSON.stringify({ cleanupPeriodDays: 3_650 }));
  }

  /** The same sessions once more, times included, to do something else with. */
  copy(name: string): Claude {
    const configDir = join(this.#surroundings.root, name);
    cpSync(this.configDir, configDir, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    return this.at(configDir);
  }

  /** With another Claude directory, in the same place. */
  at(configDir: string): Claude {
    return new Claude({ ...this.#surroundings, configDir }, this.#running);
  }

  cli(prompt: string, ...args: readonly string[]): Promise<CliResult> {
    return this.startCli(prompt, ...args).finished;
  }

  startCli(prompt: string, ...args: readonly string[]): RunningCli {
    return this.startCliIn({}, prompt, ...args);
  }

  startCliIn({ within = [], without = [] }: CliSurroundings, prompt: string, ...args: readonly string[]): RunningCli {
    const flags = [
      '-p',
      prompt,
      '--output-format',
      'stream-json',
      '--verbose',
      '--permission-mode',
      'bypassPermissions',
    ];
    const [command = CLAUDE, ...rest] = [...within, CLAUDE, ...flags, ...args];
    const environment = Object.entries(this.#environment()).filter(([name]) => !without.includes(name));
    const child = spawn(command, rest, {
      cwd: this.projectDir,
      env: Object.fromEntries(environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { finished: this.#finish(child), kill: () => child.kill('SIGKILL') };
  }

  /** A command of the client's that is no prompt: `stop ID`. */
  async command(...args: readonly string[]): Promise<Exit> {
    return run(CLAUDE, args, { cwd: this.projectDir, env: this.#environment() });
  }

  /** Begins a session in the background, as a person does. @returns the id of its job */
  async startInBackground(prompt: string): Promise<string> {
    // In the background nobody can be asked.
    const trusted = { [this.projectDir]: { hasTrustDialogAccepted: true } };
    const answers = { hasCompletedOnboarding: true, projects: trusted };
    writeFileSync(join(this.configDir, '.claude.json'), JSON.stringify(answers));
    this.#running.add(() => this.#endDaemon());
    const { stdout, stderr } = await this.command('--bg', '--permission-mode', 'acceptEdits', prompt);
    const job = /backgrounded · ([0-9a-f]{8})/.exec(stdout)?.[1];
    if (job === undefined) throw new Error(`no job was begun: ${stdout}${stderr}`);
    return job;
  }

  /** What the client has written down of a job. */
  stateOf(job: string): { readonly state: string; readonly sessionId: string; readonly resumeSessionId?: string } {
    return JSON.parse(readFileSync(join(this.configDir, 'jobs', job, 'state.json'), 'utf8'));
  }

  /** The client's daemon stays for a while after its last job. */
  async #endDaemon(): Promise<void> {
    const path = join(this.configDir, 'daemon/roster.json');
    if (!existsSync(path)) return;
    const roster = JSON.parse(readFileSync(path, 'utf8')) as {
      supervisorPid: number;
      workers: Record<string, { pid: number }>;
    };
    const pids = [roster.supervisorPid, ...Object.values(roster.workers).map(({ pid }) => pid)];
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGTERM');
    await until('the daemon to end', () => !pids.some(isAlive) || undefined);
  }

  async sdk(
    prompt: string | AsyncIterable<SDKUserMessage>,
    options: Options = {},
    onMessage?: (message: SDKMessage) => void,
  ): Promise<SdkResult> {
    const running = query({ prompt, options: { ...this.options(), ...options } });
    const end = async () => running.close();
    this.#running.add(end);
    try {
      return await heard(running, onMessage);
    } finally {
      this.#running.delete(end);
    }
  }

  /** Ends what a failed test has left running, of its copies too. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((end) => end()));
  }

  async #finish(child: ChildProcess): Promise<CliResult> {
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    const closed = once(child, 'close') as Promise<[number | null]>;
    const end = async () => {
      child.kill('SIGKILL');
      await closed;
    };
    this.#running.add(end);
    const [code] = await closed;
    this.#running.delete(end);
    const lines = stdout()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    return { ...summaryOf(lines.map((line) => JSON.parse(line) as SDKMessage)), code, stderr: stderr() };
  }

  /** What the client itself says of the process that works on a session: `busy`, `idle`; undefined where none does. */
  statusOf(sessionId: string): string | undefined {
    const directory = join(this.configDir, 'sessions');
    if (!existsSync(directory)) return undefined;
    const records = readdirSync(directory).filter((name) => name.endsWith('.json'));
    for (const name of records) {
      const record = JSON.parse(readFileSync(join(directory, name), 'utf8')) as { sessionId: string; status: string };
      if (record.sessionId === sessionId) return record.status;
    }
    return undefined;
  }

  /** With which the SDK works here, and nowhere else. */
  options(): Options {
    return {
      cwd: this.projectDir,
      env: this.#environment(),
      pathToClaudeCodeExecutable: CLAUDE,
      permissionMode: 'bypassPermissions',
      allowDangerouslySkipPermissions: true,
    };
  }

  #environment(): Record<string, string> {
    const { root, apiUrl } = this.#surroundings;
    return {
      PATH: process.env.PATH ?? '',
      LANG: 'C.UTF-8',
      HOME: join(root, 'home'),
      TMPDIR: join(root, 'tmp'),
      CLAUDE_CONFIG_DIR: this.configDir,
      ANTHROPIC_BASE_URL: apiUrl,
      ANTHROPIC_API_KEY: 'sk-ant-made-up',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_ERROR_REPORTING: '1',
      DISABLE_AUTOUPDATER: '1',
      // Else root may not bypass permissions.
      IS_SANDBOX: '1',
      // A proxy of the machine is not to see any of this.
      NO_PROXY: '*',
    };
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Listens to the end, be it a bad one. */
export async function heard(
  said: AsyncIterable<SDKMessage>,
  onMessage: (message: SDKMessage) => void = () => undefined,
): Promise<SdkResult> {
  const messages: SDKMessage[] = [];
  let thrown: string | undefined;
  try {
    for await (const message of said) {
      messages.push(message);
      onMessage(message);
    }
  } catch (error) {
    thrown = error instanceof Error ? error.message : String(error);
  }
  return { ...summaryOf(messages), thrown };
}

/** A prompt of a stream of prompts. */
export function userMessage(content: string): SDKUserMessage {
  return { type: 'user', message: { role: 'user', content }, parent_tool_use_id: null };
}

function summaryOf(messages: readonly SDKMessage[]): ClientResult {
  const sessionId = messages.find((message) => message.session_id !== undefined)?.session_id;
  const result = messages.findLast((message) => message.type === 'result');
  if (result === undefined) return { sessionId, messages, said: '', isError: true };
  const said = result.subtype === 'success' ? result.result : result.errors.join('\n');
  return { sessionId, messages, said, isError: result.is_error };
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let collected = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    collected += chunk;
  });
  return () => collected;
}
