/** How the client says that the conversation to resume is not there. */

import { errorMessage } from '../errors.ts';

/** The words of Claude Code 2.1; the CLI's stderr, the result message and the SDK's error all hold them. */
const GONE = 'No conversation found with session ID';

export function isGoneResult(message: { readonly type: string }): boolean {
  if (message.type !== 'result') return false;
  const { is_error: isError, errors } = message as { is_error?: unknown; errors?: unknown };
  return isError === true && Array.isArray(errors) && errors.some((error) => String(error).includes(GONE));
}

export function isGoneError(error: unknown): boolean {
  return errorMessage(error).includes(GONE);
}
