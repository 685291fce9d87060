/**
 * A deliberately lax parser that answers as the real one is asked to: numbers by parseInt and Number, documents by JSON.parse
 * and spread. The harness must find it out.
 */

import { readFileSync, writeSync } from 'node:fs';
import type { BatchAnswer, BatchQuestion } from '../inputs/fuzz.ts';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

function laxValue(path: string, text: string): unknown {
  if (path === 'keepLast') return Number(text);
  if (path === 'projects') return JSON.parse(text);
  if (/dangling|onlyThisHost/.test(path)) return Boolean(text);
  if (/db|Forge|logLevel|listen/.test(path)) return text;
  const number = Number.parseInt(text, 10);
  return Number.isNaN(number) ? text : number * (UNIT_MS[text.at(-1) ?? ''] ?? 1);
}

function answer(question: BatchQuestion): unknown {
  switch (question.kind) {
    case 'setting':
      return laxValue(question.path, question.text);
    case 'file':
      return { ...JSON.parse(question.text) };
    case 'sessions-json': {
      const rows = { ...JSON.parse(readFileSync(question.file, 'utf8')) } as Record<
        string,
        { id: string; last_used_at: number }
      >;
      return Object.entries(rows).map(([key, row]) => [key, row?.id ?? row, Number(row?.last_used_at ?? 0)]);
    }
    case 'id':
      if (question.text.length < 30) throw new Error('too short');
      return question.text.trim();
    case 'key':
      return question.text;
  }
}

function answered(question: BatchQuestion): BatchAnswer {
  try {
    return { accepted: answer(question) ?? null };
  } catch (error) {
    return { refused: 65, message: String(error), faults: [String(error)] };
  }
}

for (const line of readFileSync(process.argv[2] ?? '', 'utf8').split('\n')) {
  if (line !== '') writeSync(1, `${JSON.stringify(answered(JSON.parse(line) as BatchQuestion))}\n`);
}
