import { describe, expect, it } from 'vitest';
import { TurnWatch } from '../../src/library/turn-verdict.ts';

const POISON = 'messages.7: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1';
const CREDIT = 'API Error: 400 Your credit balance is too low to access the Anthropic API.';

const synthetic = (error?: string) => ({
  type: 'assistant',
  message: { model: '<synthetic>' },
  ...(error && { error }),
});
const said = { type: 'assistant', message: { model: 'claude-sonnet' } };
const failed = (result: string, status?: number) => ({
  type: 'result',
  subtype: 'success',
  is_error: true,
  result,
  ...(status && { api_error_status: status }),
});
const succeeded = (result: string) => ({ type: 'result', subtype: 'success', is_error: false, result });

function verdictOf(...messages: readonly { readonly type: string }[]) {
  const watch = new TurnWatch();
  return messages.map((message) => watch.see(message)).at(-1);
}

describe('a turn is dead', () => {
  it.each([
    ['that ends in a 400 for its history', [synthetic('invalid_request'), failed(`API Error: 400 ${POISON}`, 400)]],
    ['that says so in its text alone', [failed(`API Error: 400 {"error":{"message":"${POISON}"}}`)]],
    [
      'that says so as errors',
      [{ type: 'result', subtype: 'error_during_execution', errors: [`API Error: 400 ${POISON}`] }],
    ],
    ['that ends in a 400 of an unknown kind', [failed('API Error: 400 something new', 400)]],
    ['whose request is too large', [failed('API Error: 413 Request too large', 413)]],
    ['whose prompt is too long, as a success', [synthetic(), succeeded('Prompt is too long')]],
    ['whose prompt is too long, with nothing said', [succeeded('Prompt is too long')]],
    ['whose prompt is too long, as an error', [synthetic('invalid_request'), failed('Prompt is too long')]],
    ['that the SDK calls too long', [{ ...succeeded(''), terminal_reason: 'prompt_too_long' }]],
    ['that fails in its midst', [said, synthetic('invalid_request'), failed(`API Error: 400 ${POISON}`, 400)]],
  ] as const)('%s', (_what, messages) => {
    expect(verdictOf(...messages)).toBe('dead');
  });
});

describe('a turn says nothing about its session', () => {
  it.each([
    ['that meets a limit', [synthetic('rate_limit'), failed('API Error: 429 too many', 429)]],
    ['that meets an outage', [failed('API Error: 529 Overloaded', 529)]],
    ['that meets an outage whose text speaks of length', [failed('API Error: 500 prompt is too long', 500)]],
    ['that has no network', [synthetic('unknown'), failed('API Error: Connection error.')]],
    ['that nobody is logged in for', [synthetic('authentication_failed'), failed('Invalid API key', 401)]],
    ['that nobody pays for', [synthetic('billing_error'), failed('API Error: 400 no money', 400)]],
    ['that nobody pays for, by its text alone', [failed(CREDIT, 400)]],
    ['of a disabled organization', [failed('API Error: 400 This organization has been disabled.', 400)]],
    ['with a tool that is declared wrongly', [failed('API Error: 400 tools.0.custom.name: String should match', 400)]],
    ['of a model that there is not', [synthetic('model_not_found'), failed('API Error: 404 model: x', 404)]],
    [
      'that was interrupted',
      [said, { type: 'result', subtype: 'error_during_execution', is_error: false, errors: [] }],
    ],
    ['that goes on', [said]],
  ] as const)('%s', (_what, messages) => {
    expect(verdictOf(...messages)).toBeUndefined();
  });
});

describe('a turn is answered', () => {
  it.each([
    ['by a model', [said, succeeded('Done.')]],
    ['by a model that says the words of a dead one', [said, succeeded('Prompt is too long')]],
    ['by a command of the client', [synthetic(), succeeded('')]],
    ['after one that was dead', [synthetic('invalid_request'), failed(`400 ${POISON}`, 400), said, succeeded('Done.')]],
  ] as const)('%s', (_what, messages) => {
    expect(verdictOf(...messages)).toBe('answered');
  });
});

describe('what a query throws', () => {
  it('tells of a dead turn where no result has told it', () => {
    const watch = new TurnWatch();
    expect(watch.seeError(`Claude Code returned an error result: API Error: 400 ${POISON}`)).toBe('dead');
    watch.see(failed(`API Error: 400 ${POISON}`, 400));
    expect(watch.seeError(`Claude Code returned an error result: API Error: 400 ${POISON}`)).toBeUndefined();
    expect(new TurnWatch().seeError('fetch failed')).toBeUndefined();
  });
});
