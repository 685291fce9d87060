/**
 * Runs an Agent SDK query that resumes the conversation of a key, and heals itself where that conversation is gone: restored from
 * the trash if it is there, else begun anew, once. Any other failure keeps the session: a network blip must not cost a conversation.
 */

import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import { checkOptions } from '../config/host-options.ts';
import { errorMessage, OperatingError } from '../errors.ts';
import type { SessionEvent, TurnRecord } from '../resume-map/resume-map.ts';
import { FRESH_START_TEXTS, type FreshStart } from './fresh-start.ts';
import { isGoneError, isGoneResult } from './gone.ts';
import { HostTranscripts } from './host-transcripts.ts';
import { takeTurn } from './key-turns.ts';
import { eventIn } from './message-events.ts';
import { isMissing } from './missing.ts';
import { optionsOfResume, optionsOfStart } from './query-options.ts';
import { replayable } from './replayable.ts';
import type { QueryMessage, ResumeLog, SessionResumeRun } from './resume-run.ts';
import { RUN_CHECKS } from './run-options.ts';
import { type TurnVerdict, TurnWatch } from './turn-verdict.ts';

/** A `SqliteSessionStore`, or any other one that can show again what was hidden. */
interface RestoringStore {
  readonly restore?: (sessionId: string) => Promise<boolean>;
}

const TOUCH_INTERVAL_MS = 5 * 60_000;
/** Once may be the prompt's fault, twice an accident. */
const DEAD_TURNS_MAX = 3;

/**
 * Yields the query's messages unchanged; of an attempt to resume what is gone, none.
 * @throws ConfigError for wrong options, whatever the query throws, and OperatingError where the resume map cannot be read, or where the conversation lies in the
 *   trash and cannot be restored right now (`locked`, `io`, `unavailable`): its row stays, and the same call may be made again;
 *   ConversationBusyError where another run of the key takes longer than `turnWaitMaxMs`: nothing was asked then
 */
export async function* runWithSessionResume<
  Message extends QueryMessage,
  UserMessage,
  Options extends object,
  Query extends AsyncIterable<Message>,
>(run: SessionResumeRun<Message, UserMessage, Options, Query>): AsyncGenerator<Message, void> {
  checkOptions<SessionResumeRun<Message, UserMessage, Options, Query>>('runWithSessionResume', run, RUN_CHECKS);
  yield* new ResumeFlow(run).messages();
}

class ResumeFlow<
  Message extends QueryMessage,
  UserMessage,
  Options extends object,
  Query extends AsyncIterable<Message>,
> {
  readonly #run: SessionResumeRun<Message, UserMessage, Options, Query>;
  readonly #transcripts: HostTranscripts | undefined;
  readonly #prompt: string | AsyncIterable<UserMessage>;
  readonly #deltaPrompt: string | AsyncIterable<UserMessage>;
  #before: SessionId | undefined;
  #sessionId: SessionId | undefined;
  readonly #watch = new TurnWatch();
  #record: TurnRecord | undefined;
  /** The last turn was dead: that is no use of the session. */
  #isDead = false;

  constructor(run: SessionResumeRun<Message, UserMessage, Options, Query>) {
    this.#run = run;
    // What is resumed from a session store need not be in any directory.
    const looks =
      run.claudeDirs !== undefined && (run.options as { sessionStore?: unknown })?.sessionStore === undefined;
    this.#transcripts = looks ? new HostTranscripts(run.claudeDirs, systemClock) : undefined;
    this.#prompt = repeatable(run.prompt);
    this.#deltaPrompt = run.deltaPrompt === undefined ? this.#prompt : repeatable(run.deltaPrompt);
  }

  async *messages(): AsyncGenerator<Message, void> {
    const { map, key, turnWaitMaxMs } = this.#run;
    const turn = await takeTurn({
      map,
      key,
      ...(turnWaitMaxMs === undefined ? {} : { waitMaxMs: turnWaitMaxMs }),
      onFault: (message, error) => this.#warn(error === undefined ? {} : { error: errorMessage(error) }, message),
    });
    try {
      yield* this.#inTurn();
    } finally {
      await turn.release();
    }
  }

  async *#inTurn(): AsyncGenerator<Message, void> {
    const { map, key, touchIntervalMs = TOUCH_INTERVAL_MS } = this.#run;
    const known = (await map.getSession(key, { evenIfGone: true })) ?? undefined;
    this.#before = known;
    const touching = setInterval(() => void this.#touch(), touchIntervalMs);
    touching.unref();
    try {
      await this.#watchTurns(known);
      yield* known === undefined ? this.#attempt(undefined) : this.#resumeOrHeal(known);
    } catch (error) {
      await this.#judge(this.#watch.seeError(errorMessage(error)), this.#sessionId ?? known);
      throw error;
    } finally {
      clearInterval(touching);
      await this.#touch();
    }
  }

  async *#resumeOrHeal(known: SessionId): AsyncGenerator<Message, void> {
    await this.#noted('count the resume', () => this.#run.map.incrementSessionResumeAttempts());
    if ((this.#record?.deadTurns ?? 0) >= (this.#run.deadTurnsMax ?? DEAD_TURNS_MAX)) {
      await this.#noted('count the failed resume', () => this.#run.map.incrementSessionResumeFailures());
      yield* this.#startAfresh(known, 'dead-turns');
      return;
    }
    // The SDK resumes an older copy in a directory, without a word, of what its store hides.
    await this.#restoreInStore(known);
    // Asking the model first would cost a call, and with some hosts a silent hang.
    const { map, key } = this.#run;
    if (!(await isMissing(known, this.#transcripts, { map, key, clock: systemClock }))) {
      const isGone = yield* this.#tryResume(known);
      if (!isGone) return;
    }
    await this.#noted('count the failed resume', () => this.#run.map.incrementSessionResumeFailures());
    if (await this.#isRestored(known)) {
      yield* this.#attempt(known);
      return;
    }
    if (this.#transcripts?.whereIs(known) === 'unknown') {
      throw new OperatingError(
        'unavailable',
        `resume ${known}: its transcript is not found, and not every place can be read`,
      );
    }
    yield* this.#startAfresh(known, 'gone');
  }

  async *#startAfresh(known: SessionId, reason: FreshStart['reason']): AsyncGenerator<Message, void> {
    const { map, key, onFreshStart } = this.#run;
    await this.#count(`begun-anew-${reason}`);
    await this.#noted('drop the session', () => map.dropSession(key));
    await this.#watchTurns(undefined);
    this.#warn({ sessionId: known }, FRESH_START_TEXTS[reason]);
    await this.#noted('tell the host', async () => onFreshStart?.({ reason, key, sessionId: known }));
    yield* this.#attempt(undefined);
  }

  async #restoreInStore(sessionId: SessionId): Promise<void> {
    const { options } = this.#run;
    const store = (options as { readonly sessionStore?: RestoringStore } | undefined)?.sessionStore;
    if (typeof store?.restore !== 'function') return;
    if (!(await store.restore(sessionId))) return;
    await this.#count('restored');
    this.#warn({ sessionId }, 'conversation restored from the trash of its store');
  }

  /**
   * While its row still names it: a restored transcript is as old as before.
   * @throws whatever may pass: a run that holds the lock, or a failing disk, must not cost a conversation that lies in the trash
   */
  async #isRestored(sessionId: SessionId): Promise<boolean> {
    try {
      const isRestored = (await this.#transcripts?.restore(sessionId)) ?? false;
      if (!isRestored) return false;
      await this.#count('restored');
      this.#warn({ sessionId }, 'conversation restored from the trash');
      return true;
    } catch (error) {
      this.#warn({ sessionId, error: errorMessage(error) }, 'conversation could not be restored from the trash');
      if (!(error instanceof OperatingError) || error.kind !== 'bad-data') throw error;
      return false;
    }
  }

  /** @returns whether the conversation is gone; nothing was yielded then */
  async *#tryResume(sessionId: SessionId): AsyncGenerator<Message, boolean> {
    let hasYielded = false;
    try {
      for await (const message of this.#query(sessionId)) {
        if (!hasYielded && isGoneResult(message)) return true;
        await this.#note(message);
        hasYielded = true;
        yield message;
      }
      return false;
    } catch (error) {
      if (!hasYielded && isGoneError(error)) return true;
      throw error;
    }
  }

  async *#attempt(sessionId: SessionId | undefined): AsyncGenerator<Message, void> {
    for await (const message of this.#query(sessionId)) {
      if (!isGoneResult(message)) await this.#note(message);
      yield message;
    }
  }

  #query(sessionId: SessionId | undefined): Query {
    const { query, options, onQuery } = this.#run;
    const isResume = sessionId !== undefined;
    const started = query({
      prompt: isResume ? this.#deltaPrompt : this.#prompt,
      options: (isResume
        ? optionsOfResume(options ?? {}, sessionId)
        : optionsOfStart(options ?? {}, this.#before)) as Options,
    });
    onQuery?.(started);
    return started;
  }

  /** A fork, or a cleared conversation, goes on under another id. */
  async #note(message: Message): Promise<void> {
    const id = parseSessionId((message as { session_id?: unknown }).session_id);
    if (id !== undefined && id !== this.#sessionId) {
      this.#sessionId = id;
      await this.#noted('store the session', () => this.#run.map.setSession(this.#run.key, id));
    }
    await this.#count(eventIn(message));
    await this.#judge(this.#watch.see(message), this.#sessionId);
  }

  async #watchTurns(sessionId: SessionId | undefined): Promise<void> {
    this.#record = undefined;
    await this.#noted('read the dead turns', async () => {
      this.#record = await this.#run.map.watchTurns(this.#run.key, sessionId);
    });
  }

  async #judge(verdict: TurnVerdict, sessionId: SessionId | undefined): Promise<void> {
    if (verdict === undefined || sessionId === undefined) return;
    this.#isDead = verdict === 'dead';
    if (this.#isDead) await this.#count('dead-turn');
    if (verdict === 'answered') await this.#noted('forget dead turns', async () => this.#record?.answered());
    else await this.#noted('count the dead turn', async () => this.#record?.died(sessionId));
  }

  /** A row that a host has dropped or set otherwise meanwhile stays as it is. */
  async #touch(): Promise<void> {
    const id = this.#sessionId;
    if (id === undefined || this.#isDead) return;
    await this.#noted('mark the session as used', () => this.#run.map.touchSession(this.#run.key, id));
  }

  async #count(event: SessionEvent | undefined): Promise<void> {
    if (event !== undefined)
      await this.#noted(`count what befell it (${event})`, async () => this.#run.map.events?.count(event));
  }

  /** What the resume map cannot take down never ends a run. */
  async #noted(action: string, note: () => Promise<unknown>): Promise<void> {
    try {
      await note();
    } catch (error) {
      this.#warn({ error: errorMessage(error) }, `could not ${action}`);
    }
  }

  #warn(fields: object, message: string): void {
    const { log = CONSOLE, key } = this.#run;
    log.warn({ key, ...fields }, message);
  }
}

const CONSOLE: ResumeLog = {
  warn: (fields, message) => console.warn(`claude-session-sweeper: ${message} ${JSON.stringify(fields)}`),
};

function repeatable<T>(prompt: string | AsyncIterable<T>): string | AsyncIterable<T> {
  return typeof prompt === 'string' ? prompt : replayable(prompt);
}
