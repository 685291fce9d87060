/** Puts a file of inputs through the built program's own modules, and writes what became of each, one JSON line an input. */

import { readFileSync, writeSync } from 'node:fs';
import type { BatchAnswer, BatchQuestion } from '../inputs/fuzz.ts';

const module = async <T>(path: string) =>
  (await import(new URL(`../../../../dist/${path}`, import.meta.url).href)) as T;

interface ConfigModule {
  collectConfig(sources: object): object;
  concludeConfig(collected: object): {
    readonly config: Record<string, unknown>;
    readonly origins: Record<string, string>;
  };
}
interface ImportModule {
  readSessionsJson(
    path: string,
    forge: string,
  ): { readonly rows: readonly { key: string; sessionId: string; lastUsedAtMs: number }[] } | undefined;
}

const { collectConfig, concludeConfig } = await module<ConfigModule>('config/config.js');
const { variableOf } = await module<{ variableOf(path: string): string }>('config/settings.js');
const { readSessionsJson } = await module<ImportModule>('resume-map/import/sessions-json.js');
const { parseSessionId } = await module<{ parseSessionId(text: string): string | undefined }>(
  'claude-dir/session-id.js',
);
const { checkedKey } = await module<{ checkedKey(key: string): string }>('resume-map/keys.js');
const { OperatingError } = await module<{
  OperatingError: new (...args: never[]) => Error & { readonly exitCode: number; readonly faults?: readonly string[] };
}>('errors.js');

const SURROUNDINGS = { home: '/nonexistent', environment: { CLAUDE_CONFIG_DIR: '/nonexistent/claude' }, flags: {} };

function answer(question: BatchQuestion): unknown {
  switch (question.kind) {
    case 'setting': {
      const { path, origin, text } = question;
      const environment = origin === 'environment' ? { [variableOf(path)]: text } : {};
      const flags = origin === 'flag' ? { [path]: text } : {};
      const sources = { ...SURROUNDINGS, flags, environment: { ...SURROUNDINGS.environment, ...environment } };
      const { config } = concludeConfig(collectConfig(sources));
      return config[path];
    }
    case 'file': {
      const sources = { ...SURROUNDINGS, file: { path: '/f', text: question.text } };
      const { config, origins } = concludeConfig(collectConfig(sources));
      return Object.fromEntries(Object.entries(config).filter(([path]) => origins[path] === 'file'));
    }
    case 'sessions-json':
      return readSessionsJson(question.file, 'forgejo')?.rows.map((row) => [row.key, row.sessionId, row.lastUsedAtMs]);
    case 'id':
      if (parseSessionId(question.text) === undefined) throw Object.assign(new Error('no id'), { isRefusal: true });
      return question.text;
    case 'key':
      return checkedKey(question.text);
  }
}

function answered(question: BatchQuestion): BatchAnswer {
  try {
    return { accepted: answer(question) ?? null };
  } catch (error) {
    if (error instanceof OperatingError)
      return { refused: error.exitCode, message: error.message, faults: error.faults ?? [error.message] };
    if (error instanceof Error && 'isRefusal' in error)
      return { refused: 64, message: error.message, faults: [error.message] };
    return { crash: error instanceof Error ? String(error.stack) : String(error) };
  }
}

for (const line of readFileSync(process.argv[2] ?? '', 'utf8').split('\n')) {
  if (line !== '') writeSync(1, `${JSON.stringify(answered(JSON.parse(line) as BatchQuestion))}\n`);
}
