/** A model on loopback that answers from a script and remembers what it was sent. Nothing here knows the sweeper. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { conversationOf, type Message } from './conversation.ts';
import { type Reply, text, writeError, writeJson, writeReply } from './replies.ts';

export interface RecordedRequest {
  readonly sessionId: string;
  /** The scripted prompt that it belongs to. */
  readonly prompt: string | undefined;
  /** How many messages it was sent. */
  readonly messageCount: number;
  readonly conversation: readonly string[];
}

interface MessagesBody {
  readonly model: string;
  readonly stream?: boolean;
  readonly messages: readonly Message[];
}

const UNSCRIPTED = text('Nothing was scripted for this.');

export class FakeApi {
  readonly requests: RecordedRequest[] = [];
  readonly #server: Server;
  readonly #scripts = new Map<string, Reply[]>();
  #answers = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      // A client that is killed breaks its connection: no fault of the model's.
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<FakeApi> {
    const api = new FakeApi();
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The answers to a prompt, in order: more than one where tools are used in between. A subagent's prompt is a prompt too. */
  script(prompt: string, ...replies: readonly Reply[]): void {
    this.#scripts.set(prompt, [...replies]);
  }

  /** The last request of a prompt. */
  requestFor(prompt: string): RecordedRequest {
    const request = this.requests.findLast((candidate) => candidate.prompt === prompt);
    if (request === undefined) throw new Error(`the model was never asked ${JSON.stringify(prompt)}`);
    return request;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const path = new URL(request.url ?? '/', this.url).pathname;
    if (request.method === 'POST' && path === '/v1/messages') {
      const asked = JSON.parse(body) as MessagesBody;
      const prompt = this.#record(asked, String(request.headers['x-claude-code-session-id'] ?? ''));
      const reply = (prompt === undefined ? undefined : this.#scripts.get(prompt)?.shift()) ?? UNSCRIPTED;
      this.#answers += 1;
      await writeReply(response, reply, { model: asked.model, stream: asked.stream === true, number: this.#answers });
      return;
    }
    if (path === '/v1/messages/count_tokens') writeJson(response, 200, { input_tokens: 10 });
    else if (request.method === 'HEAD') response.writeHead(200).end();
    else writeError(response, 404, 'not_found_error');
  }

  #record({ messages }: MessagesBody, sessionId: string): string | undefined {
    const conversation = conversationOf(messages);
    const said = conversation.filter((line) => line.startsWith('user: '));
    const prompt = said.findLast((line) => this.#scripts.has(promptOf(line)));
    const recorded = prompt === undefined ? undefined : promptOf(prompt);
    this.requests.push({ sessionId, prompt: recorded, messageCount: messages.length, conversation });
    return recorded;
  }
}

function promptOf(line: string): string {
  return line.slice('user: '.length);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
