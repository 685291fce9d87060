/** Tells who it is that acts: the process, its user and its host, and what it acts for. */

import { hostname, userInfo } from 'node:os';
import { packageVersion } from './version.ts';

/** A requester is somebody or something that makes a process act. Plain data, which goes to another process as it is. */
export interface Requester {
  /** The daemon's schedule, somebody's command, or a program that calls the library. */
  readonly by: 'schedule' | 'hand' | 'code';
  /** The command, or the call of the library. */
  readonly command: string;
}

export interface Actor extends Requester {
  readonly uid: number;
  /** Null where the user has no name here, as in many containers. */
  readonly user: string | null;
  readonly host: string;
  readonly version: string;
}

export function actorOf({ by, command }: Requester): Actor {
  return {
    by,
    command,
    uid: process.getuid?.() ?? -1,
    user: userName(),
    host: hostname(),
    version: packageVersion(),
  };
}

function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    // No entry of this user: its number says who it is.
    return null;
  }
}
