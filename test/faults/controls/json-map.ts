/** A deliberately broken resume map, as hosts used to keep it: one JSON file, read, changed and written back. */

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { WriterMap } from '../programs/writer.ts';

interface Content {
  rows: Record<string, string>;
  attempts: number;
  failures: number;
}

export function readJsonMap(path: string): Content {
  if (!existsSync(path)) return { rows: {}, attempts: 0, failures: 0 };
  return JSON.parse(readFileSync(path, 'utf8')) as Content;
}

export class JsonMap implements WriterMap {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async getSession(key: string): Promise<string | null> {
    return readJsonMap(this.#path).rows[key] ?? null;
  }

  async setSession(key: string, sessionId: string): Promise<void> {
    await this.#change(({ rows }) => {
      rows[key] = sessionId;
    });
  }

  async dropSession(key: string): Promise<boolean> {
    return this.#change(({ rows }) => {
      const isThere = key in rows;
      delete rows[key];
      return isThere;
    });
  }

  async dropAllForIssue(repo: string, issue: string | number): Promise<number> {
    return this.#change(({ rows }) => {
      const keys = Object.keys(rows).filter((key) => key.endsWith(`:${repo}:${issue}`));
      for (const key of keys) delete rows[key];
      return keys.length;
    });
  }

  async incrementSessionResumeAttempts(): Promise<void> {
    await this.#change((content) => {
      content.attempts += 1;
    });
  }

  async incrementSessionResumeFailures(): Promise<void> {
    await this.#change((content) => {
      content.failures += 1;
    });
  }

  async close(): Promise<void> {}

  async #change<T>(change: (content: Content) => T): Promise<T> {
    const content = readJsonMap(this.#path);
    const result = change(content);
    await turn();
    writeFileSync(`${this.#path}.${process.pid}`, JSON.stringify(content));
    renameSync(`${this.#path}.${process.pid}`, this.#path);
    return result;
  }
}
