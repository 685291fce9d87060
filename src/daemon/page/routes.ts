/** Serves the status page and its sheet: to be shown and nothing else, by no other site, and not sent again where nothing has changed. */

import { createHash } from 'node:crypto';
import type { Answer, Route } from '../http.ts';
import { STYLE_PATH } from './page.ts';
import { STYLE } from './style.ts';

export interface Page {
  readonly status: 200 | 503;
  readonly body: string;
}

/** Whatever a title may hold: no script runs, nothing is loaded but the sheet, nothing is sent, and no other page frames this one. */
const POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SAFE_HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  // It may name conversations: what keeps it asks again whether it still is so, and no proxy keeps it.
  'cache-control': 'private, no-cache',
};

export function pageRoutes(page: () => Promise<Page>): readonly Route[] {
  return [
    {
      path: '/',
      answer: async (request) => {
        const { status, body } = await page();
        return tagged(request, status, 'text/html; charset=utf-8', body);
      },
    },
    { path: STYLE_PATH, answer: (request) => tagged(request, 200, 'text/css; charset=utf-8', STYLE) },
  ];
}

function tagged(
  { headers }: Parameters<Route['answer']>[0],
  status: Page['status'],
  type: string,
  body: string,
): Answer {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
  const answer = { headers: { ...SAFE_HEADERS, 'content-type': type, etag } };
  const isKnown = status === 200 && isNamed(etag, headers['if-none-match']);
  return isKnown ? { ...answer, status: 304, body: '' } : { ...answer, status, body };
}

function isNamed(etag: string, ifNoneMatch = ''): boolean {
  return ifNoneMatch.split(',').some((one) => [etag, `W/${etag}`, '*'].includes(one.trim()));
}
