/** Builds images with buildah and runs them with podman, in a storage of its own that is gone with the harness. */

import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Exit, run } from '../support/process.ts';
import { succeed } from './succeed.ts';

export interface Mount {
  readonly from: string;
  readonly to: string;
}

export interface ContainerOptions {
  readonly image: string;
  /** `uid:gid`; without it, the image's own. */
  readonly user?: string;
  /** A group that the user is in besides, as an orchestrator's fsGroup. */
  readonly group?: number;
  readonly mounts?: readonly Mount[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly memory?: string;
  readonly command?: readonly string[];
}

const ADDED = 'localhost/base:latest';
/** What a machine may refuse to raise. */
const LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000'];

export class Podman {
  readonly #storage: readonly string[];
  readonly #work: string;
  readonly #names: string[] = [];

  /** @param work a directory of this harness alone */
  constructor(work: string) {
    this.#work = work;
    this.#storage = ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'overlay'];
  }

  /** @param root an empty directory. @throws where no container runs here */
  async throwIfUnable(root: string): Promise<void> {
    // The one program of every Debian that needs no other file.
    copyFileSync('/sbin/ldconfig', join(root, 'ldconfig'));
    const image = await this.imageOf(root, {});
    await this.throwIfFails({ image, memory: '64m', command: ['/ldconfig', '--version'] });
  }

  /** @returns the name of an image of a directory alone */
  async imageOf(root: string, environment: Readonly<Record<string, string>>): Promise<string> {
    const container = (await this.#buildah('from', 'scratch')).stdout.trim();
    await this.#buildah('add', '--quiet', container, root, '/');
    const variables = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    await this.#buildah('config', '--env', path, ...variables, container);
    await this.#buildah('commit', '--quiet', '--rm', container, ADDED);
    return ADDED;
  }

  async build(
    name: string,
    directory: string,
    args: Readonly<Record<string, string>>,
    target?: string,
  ): Promise<string> {
    const given = Object.entries(args).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
    const aim = target === undefined ? [] : ['--target', target];
    // Only this form of an image holds a health check.
    const form = ['--format', 'docker', '--pull-never', '--layers', '--network', 'host'];
    await this.#buildah('build', ...form, ...given, ...aim, '--tag', name, directory);
    return name;
  }

  async sizeOf(image: string): Promise<number> {
    return Number((await this.#podman('image', 'inspect', '--format', '{{.Size}}', image)).stdout);
  }

  /** Starts a container by arguments of podman's own. */
  async startAs(name: string, args: readonly string[]): Promise<void> {
    this.#names.push(name);
    await this.#podman('run', '--detach', '--name', name, '--hostname', name, ...LIMITS, ...args);
  }

  /** Runs a container to its end. */
  async run(options: ContainerOptions): Promise<Exit> {
    return run('podman', this.#args('run', '--rm', ...LIMITS, ...asArguments(options)));
  }

  async throwIfFails(options: ContainerOptions): Promise<Exit> {
    return succeed('podman', this.#args('run', '--rm', ...LIMITS, ...asArguments(options)));
  }

  async start(name: string, options: ContainerOptions): Promise<void> {
    await this.startAs(name, asArguments(options));
  }

  /** Runs a command in a container that runs. */
  async exec(name: string, ...command: readonly string[]): Promise<Exit> {
    return run('podman', this.#args('exec', name, ...command));
  }

  async log(name: string): Promise<string> {
    const { stdout, stderr } = await run('podman', this.#args('logs', name));
    return `${stdout}${stderr}`;
  }

  /** Calls the image's own health check. */
  async isHealthy(name: string): Promise<boolean> {
    return (await run('podman', this.#args('healthcheck', 'run', name))).code === 0;
  }

  /** As an orchestrator does: SIGTERM, and SIGKILL after the grace. @returns the exit code; 137 where it took that */
  async stop(name: string, graceSeconds: number): Promise<number> {
    await this.#podman('stop', '--time', String(graceSeconds), name);
    return Number((await this.#podman('inspect', '--format', '{{.State.ExitCode}}', name)).stdout);
  }

  /** Frees its name. */
  async remove(name: string): Promise<void> {
    await this.#podman('rm', '--force', '--time', '0', name);
  }

  async close(): Promise<void> {
    for (const name of this.#names) await run('podman', this.#args('rm', '--force', '--time', '0', name));
    // What keeps the storage from being taken away: mounted once a command, in some versions.
    const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '');
    const ours = mounted.filter((path) => path.startsWith(`${this.#work}/`)).reverse();
    for (const path of ours) await run('umount', ['--lazy', path]);
  }

  #podman(...args: readonly string[]): Promise<Exit> {
    return succeed('podman', this.#args(...args));
  }

  /** Not every machine gives whoever builds on it namespaces of their own. */
  #buildah(...args: readonly string[]): Promise<Exit> {
    return succeed('buildah', [...this.#storage, ...args], { env: { BUILDAH_ISOLATION: 'chroot' } });
  }

  #args(...args: readonly string[]): string[] {
    return [...this.#storage, '--cgroup-manager', 'cgroupfs', '--runtime', 'runc', ...args];
  }
}

/** With all that the documentation takes away from it, but for what the test asks for. */
function asArguments(options: ContainerOptions): string[] {
  const { image, user, group, mounts = [], environment = {}, memory, command = [] } = options;
  return [
    ...['--read-only', '--read-only-tmpfs=false', '--tmpfs', '/tmp'],
    ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--network', 'none'],
    ...(user === undefined ? [] : ['--user', user]),
    ...(group === undefined ? [] : ['--group-add', String(group)]),
    ...mounts.flatMap(({ from, to }) => ['--volume', `${from}:${to}`]),
    ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...(memory === undefined ? [] : ['--memory', memory, '--memory-swap', memory]),
    image,
    ...command,
  ];
}
