/** Sends something to an address that is a secret: no fault that is told names it, and no answer is read beyond its status. */

import { errorCode } from '../errors.ts';

export interface PostOptions {
  readonly contentType: string;
  /** Aborted when its time is over. */
  readonly limit: AbortSignal;
}

/** A server that is just being restarted has not to be missed by it. */
const ATTEMPTS = 2;

/** @returns why it was not taken; undefined where it was. Never rejects */
export async function post(url: string, body: string, options: PostOptions): Promise<string | undefined> {
  let fault: string | undefined;
  for (let attempt = 0; attempt < ATTEMPTS && !options.limit.aborted; attempt += 1) {
    const answer = await postOnce(url, body, options);
    if (answer.fault === undefined) return undefined;
    fault = answer.fault;
    if (!answer.mayPass) break;
  }
  return fault ?? 'it was not sent: there was no time left';
}

interface Taken {
  readonly fault: string | undefined;
  /** Whether it may be taken when it is sent again. */
  readonly mayPass: boolean;
}

async function postOnce(url: string, body: string, { contentType, limit }: PostOptions): Promise<Taken> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': contentType, 'user-agent': 'claude-session-sweeper' },
      signal: limit,
      // To another address, the secret of this one is not taken along.
      redirect: 'manual',
    });
    // However long it is, and whether it ever ends.
    await answer.body?.cancel();
    if (answer.ok) return { fault: undefined, mayPass: false };
    return { fault: `it was answered with ${answer.status}`, mayPass: answer.status >= 500 };
  } catch (error) {
    if (limit.aborted) return { fault: 'there was no answer in time', mayPass: false };
    const cause = error instanceof Error ? error.cause : undefined;
    // Any other message may name the address.
    const words =
      cause instanceof Error && cause.message === 'bad port' ? 'nothing is sent to that port' : 'the connection failed';
    return { fault: `it could not be sent: ${errorCode(cause) ?? words}`, mayPass: true };
  }
}
