/** Gets a whole answer over HTTP: within a time, a size and a few redirects, and provably to its end. */

import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { request as requestSecurely } from 'node:https';
import { formatBytes } from '../../format/byte-size.ts';
import { formatDurationExact } from '../../format/duration.ts';

export interface HttpQuestion {
  readonly url: string;
  /** Goes to the origin of the URL alone, and not to where that leads. */
  readonly token: string | undefined;
  /** Of the answer that we have; the server may say that it still is the same. */
  readonly etag: string | undefined;
}

export interface HttpBounds {
  /** For all of it, redirects included. */
  readonly timeoutMs: number;
  readonly bytesMax: number;
  /** Nobody waits for it any more. */
  readonly stop: AbortSignal | undefined;
}

export type HttpAnswer =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'whole'; readonly body: Buffer; readonly etag: string | undefined; readonly isCounted: boolean };

const REDIRECTS_MAX = 3;
const REDIRECTS: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308]);

/** @throws Error saying how it failed; no URL and no token stands in it */
export async function getWhole(question: HttpQuestion, { timeoutMs, bytesMax, stop }: HttpBounds): Promise<HttpAnswer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = stop === undefined ? timeout : AbortSignal.any([timeout, stop]);
  try {
    let url = new URL(question.url);
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
      const response = await responseOf(url, question, signal);
      const { statusCode, headers } = response;
      if (!REDIRECTS.has(statusCode)) return await answerOf(response, tagFor(url, question) !== undefined, bytesMax);
      response.destroy();
      url = redirected(url, headers.location);
    }
    throw new Error(`it leads on more than ${REDIRECTS_MAX} times`);
  } catch (error) {
    if (stop?.aborted) throw new Error('the run is to stop');
    if (timeout.aborted) throw new Error(`it took longer than ${formatDurationExact(timeoutMs)}`);
    throw error;
  }
}

function responseOf(url: URL, question: HttpQuestion, signal: AbortSignal): Promise<IncomingMessage> {
  const { url: first, token } = question;
  const tag = tagFor(url, question);
  const isSameOrigin = url.origin === new URL(first).origin;
  const headers = {
    accept: 'application/json, text/plain;q=0.9',
    // What is compressed may grow without end.
    'accept-encoding': 'identity',
    ...(token !== undefined && isSameOrigin ? { authorization: `Bearer ${token}` } : {}),
    ...(tag === undefined ? {} : { 'if-none-match': tag }),
  };
  return new Promise((resolve, reject) => {
    const start = url.protocol === 'https:' ? requestSecurely : request;
    const sent = start(url, { method: 'GET', headers, signal, agent: false }, resolve);
    sent.on('error', (error) => reject(new Error(reasonOf(error))));
    sent.end();
  });
}

/** Where the first leads on to, another answer may have the same tag. */
function tagFor(url: URL, { url: first, etag }: HttpQuestion): string | undefined {
  return url.href === new URL(first).href ? etag : undefined;
}

/** Node's own messages may have the URL's host in them, and nothing else of it. */
function reasonOf(error: Error): string {
  return `it cannot be asked: ${error.message}`;
}

function redirected(from: URL, location: string | undefined): URL {
  if (location === undefined) throw new Error('it leads on to nowhere');
  let to: URL;
  try {
    to = new URL(location, from);
  } catch {
    throw new Error('it leads on to what is no URL');
  }
  const isSafe = to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:');
  if (!isSafe) throw new Error(`it leads on from ${from.protocol} to ${to.protocol}`);
  return to;
}

/** @param isAskedByTag otherwise nobody knows what has not changed */
async function answerOf(response: IncomingMessage, isAskedByTag: boolean, bytesMax: number): Promise<HttpAnswer> {
  const { statusCode, headers } = response;
  if (statusCode === 304 && isAskedByTag) {
    response.destroy();
    return { kind: 'unchanged' };
  }
  const fault = headFault(statusCode, headers);
  if (fault !== undefined) {
    response.destroy();
    throw new Error(fault);
  }
  const body = await bodyOf(response, bytesMax);
  if (!response.complete) throw new Error('it was cut off');
  // Without either, the end of the connection is the end of the answer, whoever has ended it.
  const isCounted = headers['content-length'] !== undefined || headers['transfer-encoding'] === 'chunked';
  return { kind: 'whole', body, etag: headers.etag, isCounted };
}

function headFault(statusCode: number | undefined, headers: IncomingHttpHeaders): string | undefined {
  if (statusCode !== 200) return `it answered ${statusCode}`;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    return 'it answered in a compressed form that was not asked for';
  const link = [headers.link ?? ''].flat().join();
  return /rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)/i.test(link) ? 'it is one page of several' : undefined;
}

function bodyOf(response: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > bytesMax) response.destroy(new Error(`it said more than ${formatBytes(bytesMax)}`));
      else chunks.push(chunk);
    });
    response.on('error', (error) => reject(error.message === 'aborted' ? new Error('it was cut off') : error));
    response.once('end', () => resolve(Buffer.concat(chunks)));
    response.once('close', () => reject(new Error('it was cut off')));
  });
}
