/** A bot on the built library at its busiest: fifty events of three conversations at once, and a map that is closed in the midst of them. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OperatingError, openResumeMap, type ResumeMap, runWithSessionResume, sessionKey } from '../support/library.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';

const EVENTS = 50;
const KEYS = [1, 2, 3].map((issue) => sessionKey({ forge: 'forgejo', agent: 'helper', repo: 'acme/app', issue }));
const keyOf = (event: number) => KEYS[event % KEYS.length] ?? '';

interface Message {
  readonly type: string;
  readonly session_id: string;
}

/** What stands in for Claude: it remembers what each conversation was told, and by whom it was asked at once. */
class Conversations {
  /** What was told, by session. */
  readonly told = new Map<string, string[]>();
  readonly #atWork = new Set<string>();
  overlaps = 0;
  answers = 0;
  onBegin: () => void = () => undefined;
  onAnswer: (answers: number) => void = () => undefined;

  readonly query = async function* (
    this: Conversations,
    { prompt, options }: { prompt: string | AsyncIterable<never>; options?: { readonly resume?: string } },
  ): AsyncGenerator<Message, void> {
    const [key = '', event = ''] = String(prompt).split(' ');
    const id = options?.resume ?? sessionIdOf(1_000 + this.told.size);
    const told = this.told.get(id) ?? [];
    this.told.set(id, told);
    if (this.#atWork.has(key)) this.overlaps += 1;
    this.#atWork.add(key);
    try {
      this.onBegin();
      yield { type: 'system', session_id: id };
      for (let turn = 0; turn < 3; turn += 1) await nextTurn();
      told.push(`${key} ${event}`);
      yield { type: 'result', session_id: id };
      this.answers += 1;
      this.onAnswer(this.answers);
    } finally {
      this.#atWork.delete(key);
    }
  }.bind(this);
}

const QUIET = { warn: () => undefined };

async function answer(map: ResumeMap, conversations: Conversations, event: number): Promise<string | undefined> {
  const key = keyOf(event);
  let answeredIn: string | undefined;
  const run = { map, key, query: conversations.query, prompt: `${key} ${event}`, log: QUIET };
  for await (const message of runWithSessionResume(run)) if (message.type === 'result') answeredIn = message.session_id;
  return answeredIn;
}

function events(): number[] {
  return Array.from({ length: EVENTS }, (_, event) => event);
}

describe('a bot with fifty events of three conversations at once', () => {
  it('begins three, loses none, and answers each in its own and in the order in which they came', async () => {
    const map = await openResumeMap({ stateDir: tempDir() });
    onTestFinished(() => map.close());
    const conversations = new Conversations();
    const answeredIn = await Promise.all(events().map((event) => answer(map, conversations, event)));
    expect([conversations.told.size, conversations.overlaps]).toEqual([KEYS.length, 0]);
    for (const key of KEYS) {
      const id = await map.getSession(key);
      const ofKey = events().filter((event) => keyOf(event) === key);
      expect(conversations.told.get(id ?? '')).toEqual(ofKey.map((event) => `${key} ${event}`));
      expect(new Set(ofKey.map((event) => answeredIn[event]))).toEqual(new Set([id]));
    }
    expect(await map.getSessionResumeAttemptsTotal()).toBe(EVENTS - KEYS.length);
    expect(await map.getSessionResumeFailuresTotal()).toBe(0);
  });

  it('ends each with its answer or an OperatingError where the map is closed in the midst, and goes on where it was', async () => {
    const stateDir = tempDir();
    const map = await openResumeMap({ stateDir });
    const conversations = new Conversations();
    let closed: Promise<void> | undefined;
    conversations.onAnswer = (answers) => {
      if (answers === 10) closed = map.close();
    };
    const settled = await Promise.allSettled(events().map((event) => answer(map, conversations, event)));
    await closed;
    const answered = settled.filter(({ status }) => status === 'fulfilled');
    const refused = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(answered.length).toBeGreaterThanOrEqual(10);
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) {
      expect(error).toBeInstanceOf(OperatingError);
      expect(error).toMatchObject({ kind: 'usage', message: expect.stringContaining('it was closed') });
    }
    // A refused event has told nobody anything: the same event may be tried again.
    expect([...conversations.told.values()].flat()).toHaveLength(answered.length);
    expect([conversations.told.size, conversations.overlaps]).toEqual([KEYS.length, 0]);

    const again = await openResumeMap({ stateDir });
    onTestFinished(() => again.close());
    await Promise.all(events().map((event) => answer(again, conversations, event)));
    expect([conversations.told.size, conversations.overlaps]).toEqual([KEYS.length, 0]);
    expect([...conversations.told.values()].flat()).toHaveLength(answered.length + EVENTS);
  });

  it('writes down the conversation that it has begun where the map is closed before its first message', async () => {
    const stateDir = tempDir();
    const map = await openResumeMap({ stateDir });
    const conversations = new Conversations();
    conversations.onBegin = () => void map.close();
    const id = await answer(map, conversations, 0);
    const again = await openResumeMap({ stateDir });
    onTestFinished(() => again.close());
    expect(await again.getSession(keyOf(0))).toBe(id);
    expect(await answer(again, conversations, 0)).toBe(id);
  });
});
