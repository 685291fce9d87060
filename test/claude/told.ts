/** What was said in a session so far, and whether a client that resumes it still knows all of it. */

import { expect } from 'vitest';
import type { ClientResult } from './client.ts';
import type { FakeApi } from './fake-api.ts';

export interface Told {
  readonly sessionId: string;
  readonly conversation: readonly string[];
  readonly messageCount: number;
}

/** After a turn: all that the model was sent for it, and its answer. */
export function toldAfter(api: FakeApi, prompt: string, result: ClientResult): Told {
  expect(result, JSON.stringify(result.messages.at(-1))).toMatchObject({ isError: false });
  const { conversation, messageCount } = api.requestFor(prompt);
  return {
    sessionId: result.sessionId ?? '',
    conversation: [...conversation, `assistant: ${result.said}`],
    messageCount: messageCount + 1,
  };
}

/** @returns what was said in the session with this turn */
export function expectResumed(api: FakeApi, before: Told, prompt: string, result: ClientResult): Told {
  const after = toldAfter(api, prompt, result);
  expect(after.sessionId).toBe(before.sessionId);
  const request = api.requestFor(prompt);
  expect(request.conversation).toEqual([...before.conversation, `user: ${prompt}`]);
  expect(request.messageCount).toBe(before.messageCount + 1);
  return after;
}
