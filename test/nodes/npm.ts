/** Runs npm under a chosen Node, with a cache of its own and nothing of the npm that runs the harness. */

import { delimiter } from 'node:path';
import { type Exit, run } from '../support/process.ts';

export interface NpmOptions {
  readonly directory: string;
  /** The folder of the Node that runs npm and all that npm runs, as it was packed; without it, the harness' own. */
  readonly nodeDirectory?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export class Npm {
  readonly #cache: string;

  /** @param cache where npm keeps what it has downloaded: a temporary folder */
  constructor(cache: string) {
    this.#cache = cache;
  }

  /** @returns what it printed. @throws with the end of all that it said where it fails */
  async run(args: readonly string[], options: NpmOptions): Promise<string> {
    return (await this.say(args, options)).stdout;
  }

  /** As `run`, with what it told beside it. */
  async say(args: readonly string[], options: NpmOptions): Promise<Pick<Exit, 'stdout' | 'stderr'>> {
    const env = { ...inherited(), ...this.#settings(options), ...options.environment };
    const { code, signal, stdout, stderr } = await run('npm', args, { cwd: options.directory, env });
    if (code === 0) return { stdout, stderr };
    throw new Error(
      `npm ${args.join(' ')} ended with ${code ?? signal}: ${`${stdout}\n${stderr}`.trim().slice(-4_000)}`,
    );
  }

  #settings({ nodeDirectory }: NpmOptions): Record<string, string> {
    const settings = { npm_config_cache: this.#cache, npm_config_audit: 'false', npm_config_fund: 'false' };
    if (nodeDirectory === undefined) return settings;
    // What is compiled, is compiled with the headers of the Node that will load it.
    return {
      ...settings,
      npm_config_nodedir: nodeDirectory,
      PATH: `${nodeDirectory}/bin${delimiter}${process.env.PATH ?? ''}`,
    };
  }
}

/** Settings given by the environment hold for us, too; what the npm that runs us says of its own package does not. */
function inherited(): Record<string, string> {
  const entries = Object.entries(process.env).flatMap(([name, value]): [string, string][] => {
    const isOfCaller = /^(INIT_CWD|NODE|npm_(?!config_).*|npm_config_(local_|global_)?prefix)$/.test(name);
    return value === undefined || isOfCaller ? [] : [[name, value]];
  });
  return Object.fromEntries(entries);
}
