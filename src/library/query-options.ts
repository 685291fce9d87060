/** The options of a query that resumes a conversation, and of one that begins it: what the client would refuse is left out. */

/** The SDK's options that lead to an older conversation: with them, a new one would fail, or be another one's. */
const OLDER_CONVERSATION: ReadonlySet<string> = new Set(['resume', 'resumeSessionAt', 'continue']);

/** The client takes an id of the host's own beside a resume only for a fork, and none that is taken. */
export function optionsOfResume(given: object, sessionId: string): object {
  const { forkSession, sessionId: own } = given as { forkSession?: unknown; sessionId?: unknown };
  const keepsOwn = forkSession === true && own !== sessionId;
  return { ...without(given, keepsOwn ? [] : ['sessionId']), resume: sessionId };
}

/** @param before the session that went before: a dead one still has its id */
export function optionsOfStart(given: object, before: string | undefined): object {
  const { sessionId: own } = given as { sessionId?: unknown };
  return without(given, [...OLDER_CONVERSATION, ...(before !== undefined && own === before ? ['sessionId'] : [])]);
}

function without(options: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)));
}
