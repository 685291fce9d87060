/** Tells turns that a session can never answer again from those that failed in passing. In doubt, a turn has failed in passing. */

/** `dead`: the session itself is why there is no answer; undefined where the turn says nothing about the session. */
export type TurnVerdict = 'dead' | 'answered' | undefined;

interface Seen {
  readonly type: string;
  readonly subtype?: unknown;
  readonly is_error?: unknown;
  readonly result?: unknown;
  readonly errors?: unknown;
  readonly api_error_status?: unknown;
  readonly terminal_reason?: unknown;
  readonly parent_tool_use_id?: unknown;
  readonly error?: unknown;
  readonly message?: { readonly model?: unknown };
}

/** The model of a message that Claude Code has made up itself. */
const SYNTHETIC = '<synthetic>';
/** The SDK's words for turns that end since the history is too long or holds what the API does not take. */
const DEAD_REASONS: readonly unknown[] = ['prompt_too_long', 'blocking_limit', 'image_error'];
/** Of the SDK's kinds of API errors, those that a history can be the reason of; `billing_error`, `rate_limit` and the like are none. */
const KINDS_OF_HISTORY: readonly unknown[] = [undefined, null, 'invalid_request', 'unknown'];
/** Bad request, and request too large. */
const STATUSES_OF_HISTORY: readonly number[] = [400, 413];
const TOO_LONG = /^(?:API Error:.*)?(?:Prompt|Conversation|Request) (?:is )?too (?:long|large)\b/i;
const CONTEXT_EXCEEDED = /exceed(?:s|ed)? (?:the )?(?:model's )?(?:maximum )?context (?:limit|window|length)/i;
/** Where the API says which message it does not take, it is the history. */
const NAMES_MESSAGE = /\bmessages\.\d+/;
/** A 400 as well, and no fault of the history: money, accounts, the model's name, and what the host itself has set. */
const FAULT_OF_HOST =
  /credit balance|billing|usage limit|spend|quota|organi[sz]ation|workspace|account|authenticat|api[ _-]?key|oauth|\bbetas?\b|not[ _]found|\b(?:tools|tool_choice|system|model|max_tokens|temperature|top_p|top_k|metadata|thinking|output_config|service_tier|stream)(?:\.[\w.]+)?:/i;

/** Watches the messages of one query. Each result ends a turn. */
export class TurnWatch {
  /** The last that was said in this turn, subagents apart. */
  #said: Seen | undefined;
  #isOpen = true;

  /** @returns what the turn says about its session, where the message ends one */
  see(message: { readonly type: string }): TurnVerdict {
    const seen: Seen = message;
    if (seen.type === 'assistant' && (seen.parent_tool_use_id ?? null) === null) this.#said = seen;
    this.#isOpen = seen.type !== 'result';
    if (seen.type !== 'result') return undefined;
    const verdict = this.#judge(seen);
    this.#said = undefined;
    return verdict;
  }

  /** @param text of an error that the query threw; after a result, that has said it already */
  seeError(text: string): TurnVerdict {
    return this.#isOpen && isDeadText(text, undefined, this.#said?.error) ? 'dead' : undefined;
  }

  #judge(result: Seen): TurnVerdict {
    if (DEAD_REASONS.includes(result.terminal_reason)) return 'dead';
    const text = textOf(result);
    if (isDeadText(text, result.api_error_status, this.#said?.error) && !this.#isModelsOwn()) return 'dead';
    const isFailed =
      result.is_error === true || this.#said?.error !== undefined || result.subtype === 'error_during_execution';
    return isFailed ? undefined : 'answered';
  }

  /** A model may say such words, too. */
  #isModelsOwn(): boolean {
    const model = this.#said?.message?.model;
    return typeof model === 'string' && model !== SYNTHETIC && this.#said?.error === undefined;
  }
}

function textOf({ result, errors }: Seen): string {
  return [result, ...(Array.isArray(errors) ? errors : [])].filter((part) => typeof part === 'string').join('\n');
}

function isDeadText(text: string, statusField: unknown, kind: unknown): boolean {
  if (!KINDS_OF_HISTORY.includes(kind)) return false;
  const status = typeof statusField === 'number' ? statusField : Number(/API Error:? \(?(\d{3})\b/.exec(text)?.[1]);
  const isOfHistory = STATUSES_OF_HISTORY.includes(status);
  // The status decides where there is one: whatever the text says, an outage passes.
  if (Number.isFinite(status) && !isOfHistory) return false;
  if (TOO_LONG.test(text) || CONTEXT_EXCEEDED.test(text)) return true;
  return isOfHistory && (NAMES_MESSAGE.test(text) || !FAULT_OF_HOST.test(text));
}
