/** What the fake model says, and how that looks on the wire: as an event stream, or as one JSON document. */

import type { ServerResponse } from 'node:http';

type Said =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tool'; readonly name: string; readonly input: object };

export type Reply =
  | Said
  /** Begins to answer, waits until the gate is opened, and goes on then. */
  | { readonly kind: 'stall'; readonly gate: Gate; readonly then: Said }
  | { readonly kind: 'error'; readonly status: number; readonly type: string; readonly message?: string }
  /** The connection breaks in the middle of the answer. */
  | { readonly kind: 'cut' };

export const text = (said: string): Said => ({ kind: 'text', text: said });
export const tool = (name: string, input: object): Said => ({ kind: 'tool', name, input });
export const stall = (gate: Gate, then: Said): Reply => ({ kind: 'stall', gate, then });
export const cut = (): Reply => ({ kind: 'cut' });
export const serverError = (): Reply => ({ kind: 'error', status: 500, type: 'api_error' });
export const badRequest = (message: string): Reply => {
  return { kind: 'error', status: 400, type: 'invalid_request_error', message };
};
export const overloaded = (): Reply => ({ kind: 'error', status: 529, type: 'overloaded_error' });

/** Holds an answer back until a test lets it go on. */
export class Gate {
  readonly reached: Promise<void>;
  readonly opened: Promise<void>;
  #reach: () => void = () => undefined;
  #open: () => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open();
  }

  /** For the model: says that it has come here, and waits. */
  pass(): Promise<void> {
    this.#reach();
    return this.opened;
  }
}

type Content =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: object };

export interface Asked {
  readonly model: string;
  readonly stream: boolean;
  /** Another one for each answer: the client takes answers of one id for parts of one message. */
  readonly number: number;
}

export async function writeReply(response: ServerResponse, reply: Reply, asked: Asked): Promise<void> {
  if (reply.kind === 'error') {
    writeError(response, reply.status, reply.type, reply.message);
    return;
  }
  if (reply.kind === 'cut') {
    beginStream(response, asked);
    response.destroy();
    return;
  }
  const content = contentOf(reply.kind === 'stall' ? reply.then : reply, asked.number);
  if (asked.stream) beginStream(response, asked);
  if (reply.kind === 'stall') await reply.gate.pass();
  if (asked.stream) endStream(response, content);
  else writeJson(response, 200, { ...messageOf(asked), content: [content], stop_reason: stopReasonOf(content) });
}

export function writeError(response: ServerResponse, status: number, type: string, message = `made up: ${type}`): void {
  writeJson(response, status, { type: 'error', error: { type, message } });
}

export function writeJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function contentOf(reply: Said, number: number): Content {
  if (reply.kind !== 'tool') return { type: 'text', text: reply.text };
  return { type: 'tool_use', id: `toolu_${number}`, name: reply.name, input: reply.input };
}

function stopReasonOf(content: Content): string {
  return content.type === 'tool_use' ? 'tool_use' : 'end_turn';
}

function messageOf({ model, number }: Asked): object {
  const usage = { input_tokens: 10, output_tokens: 1 };
  return { id: `msg_${number}`, type: 'message', role: 'assistant', model, content: [], stop_reason: null, usage };
}

function beginStream(response: ServerResponse, asked: Asked): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  send(response, { type: 'message_start', message: messageOf(asked) });
}

function endStream(response: ServerResponse, content: Content): void {
  const isTool = content.type === 'tool_use';
  const block = isTool ? { ...content, input: {} } : { type: 'text', text: '' };
  const delta = isTool
    ? { type: 'input_json_delta', partial_json: JSON.stringify(content.input) }
    : { type: 'text_delta', text: content.text };
  send(response, { type: 'content_block_start', index: 0, content_block: block });
  send(response, { type: 'content_block_delta', index: 0, delta });
  send(response, { type: 'content_block_stop', index: 0 });
  send(response, {
    type: 'message_delta',
    delta: { stop_reason: stopReasonOf(content), stop_sequence: null },
    usage: { output_tokens: 5 },
  });
  send(response, { type: 'message_stop' });
  response.end();
}

function send(response: ServerResponse, event: { readonly type: string; readonly [field: string]: unknown }): void {
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}
