/** A place to try the program in: a Claude directory and a state directory, side by side in a directory of their own. */

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Exit, runProgram, type StartOptions } from './process.ts';

export class Place {
  readonly directory: string;
  readonly claudeDir: string;
  readonly stateDir: string;

  /** Makes nothing: neither of the two need be there yet. */
  constructor(directory: string) {
    this.directory = directory;
    this.claudeDir = join(directory, 'claude');
    this.stateDir = join(directory, 'state');
  }

  /** The flags with which every command works here, and nowhere else. */
  get flags(): readonly string[] {
    return ['--claude-dir', this.claudeDir, '--state-dir', this.stateDir];
  }

  /** @param path below the Claude directory */
  at(path: string): string {
    return join(this.claudeDir, path);
  }

  run(args: readonly string[], options: StartOptions = {}): Promise<Exit> {
    return runProgram([...this.flags, ...args], options);
  }
}

/** Empties a directory below another one, or makes it. @returns its path */
export function freshDirectory(parent: string, name: string): string {
  const path = join(parent, name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}
