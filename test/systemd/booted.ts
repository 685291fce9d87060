/** A systemd of its own, booted in a container over this machine's file system: what is written there is gone with it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Exit, run, type StartOptions, sendSignal, withDescendants } from '../support/process.ts';
import { until } from '../support/wait.ts';

const NAMESPACES = ['--mount', '--uts', '--ipc', '--pid', '--cgroup'] as const;

/** As `systemctl show` gives them. */
export type Properties = Readonly<Record<string, string>>;

export class BootedSystemd {
  /** Where its file system is seen from outside. */
  readonly root: string;
  readonly #container: ChildProcess;
  readonly #pid: number;
  readonly #namespaces: readonly string[];

  private constructor(directory: string, container: ChildProcess, pid: number, hasOwnNetwork: boolean) {
    this.root = join(directory, 'root');
    this.#container = container;
    this.#pid = pid;
    this.#namespaces = [...NAMESPACES, ...(hasOwnNetwork ? ['--net'] : [])];
  }

  /**
   * @param directory to be empty, and on a file system that an overlay may write to
   * @param prepare is given the root before it is booted
   * @param hasOwnNetwork whether nothing of this machine is heard there, and nothing of there here
   * @throws where this machine does not allow it
   */
  static async boot(
    directory: string,
    prepare: (root: string) => Promise<void>,
    { hasOwnNetwork = false } = {},
  ): Promise<BootedSystemd> {
    const [root = '', written = '', work = ''] = ['root', 'written', 'work'].map((name) => {
      mkdirSync(join(directory, name));
      return join(directory, name);
    });
    const layers = `lowerdir=/,upperdir=${written},workdir=${work}`;
    await succeed('mount', ['-t', 'overlay', 'overlay', '-o', layers, root]);
    writeFileSync(join(root, 'etc/machine-id'), `${randomBytes(16).toString('hex')}\n`);
    await prepare(root);
    const network = hasOwnNetwork ? ['--private-network'] : [];
    const asContainer = [
      ...network,
      '--quiet',
      '--register=no',
      '--keep-unit',
      '--console=pipe',
      `--directory=${root}`,
    ];
    // What else is installed here and would be started with the system stays out of it.
    const systemd = ['/lib/systemd/systemd', '--show-status=0', '--unit=basic.target'];
    const container = spawn('systemd-nspawn', [...asContainer, ...systemd], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    container.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    try {
      const pid = await until('a systemd', () => {
        if (container.exitCode !== null) throw new Error(`systemd-nspawn ended with ${container.exitCode}: ${said}`);
        // What nspawn starts first is a process of its own, which is gone when the system is there.
        return withDescendants(container.pid ?? 0).find(isSystemd);
      });
      const booted = new BootedSystemd(directory, container, pid, hasOwnNetwork);
      await until('the system to be up', async () => {
        const { stdout } = await booted.run('systemctl', 'is-active', 'basic.target');
        return stdout === 'active\n';
      });
      return booted;
    } catch (error) {
      for (const pid of withDescendants(container.pid ?? 0)) sendSignal(pid, 'SIGKILL');
      throw error;
    }
  }

  run(command: string, ...args: readonly string[]): Promise<Exit> {
    return run('nsenter', [`--target=${this.#pid}`, ...this.#namespaces, '--', command, ...args]);
  }

  async show(unit: string): Promise<Properties> {
    const { stdout } = await this.run('systemctl', 'show', unit);
    return Object.fromEntries(
      stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  /** Waits until a unit is as it should be. */
  async untilShown(unit: string, what: string, isSo: (shown: Properties) => boolean): Promise<Properties> {
    return until(`${unit} to be ${what}`, async () => {
      const shown = await this.show(unit);
      return isSo(shown) && shown;
    });
  }

  /** What a unit has said, of a priority and above. */
  async journal(unit: string, priority: string): Promise<string> {
    return (await this.run('journalctl', '--quiet', '--output=cat', `--unit=${unit}`, `--priority=${priority}`)).stdout;
  }

  async close(): Promise<void> {
    sendSignal(this.#pid, 'SIGKILL');
    await until(
      'the container to be gone',
      () => this.#container.exitCode !== null || this.#container.signalCode !== null,
    );
  }
}

function isSystemd(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1') === 'systemd\n';
  } catch {
    return false;
  }
}

/** Takes away what a boot has left, also one that failed. Nothing of it runs any more. */
export async function release(directory: string): Promise<void> {
  await run('umount', ['--lazy', join(directory, 'root')]);
  // Not with all that is below it: where it is still mounted, it stays.
  rmdirSync(join(directory, 'root'));
  for (const name of ['written', 'work']) rmSync(join(directory, name), { recursive: true, force: true });
}

export async function succeed(command: string, args: readonly string[], options: StartOptions = {}): Promise<void> {
  const { code, signal, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}: ${stderr.trim()}`);
}
