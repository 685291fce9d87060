/** Makes Claude directories as the real Claude Code leaves them: seeded, so that a failing tree can be made again. */

import { closeSync, futimesSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseSessionId, type SessionId } from '../../src/claude-dir/session-id.ts';
import { seededRandom } from './samples.ts';

export const DAY_MS = 86_400_000;

/** A UUID that a test can tell from the next one. */
export function sessionIdOf(number: number): SessionId {
  const id = parseSessionId(`00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`);
  if (id === undefined) throw new Error(`no session id for ${number}`);
  return id;
}

export interface MadeSession {
  readonly id: SessionId;
  readonly project: string;
  readonly mtimeMs: number;
  /** Relative to the Claude directory. */
  readonly files: readonly string[];
}

export interface SessionShape {
  readonly id: SessionId;
  readonly project?: string;
  readonly ageMs: number;
  /** Relative to the project directory's `ID/`. */
  readonly companions?: readonly string[];
  /** Relative to the Claude directory. */
  readonly elsewhere?: readonly string[];
  readonly hasTranscript?: boolean;
  readonly content?: string;
}

/** Writes a file and gives it an age. */
export function writeAged(path: string, content: string, mtimeMs: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeAgedIn(path, content, mtimeMs);
}

/** As `writeAged` into a directory that is there, with as few calls as can be: a tree may have a million files. */
export function writeAgedIn(path: string, content: string, mtimeMs: number): void {
  const fd = openSync(path, 'w');
  writeSync(fd, content);
  futimesSync(fd, mtimeMs / 1000, mtimeMs / 1000);
  closeSync(fd);
}

export function makeClaudeDir(path: string): string {
  mkdirSync(join(path, 'projects'), { recursive: true });
  return path;
}

export function makeSession(claudeDir: string, shape: SessionShape, nowMs = Date.now()): MadeSession {
  const project = shape.project ?? '-srv-app';
  const mtimeMs = nowMs - shape.ageMs;
  const files = [
    ...(shape.hasTranscript === false ? [] : [`projects/${project}/${shape.id}.jsonl`]),
    ...(shape.companions ?? []).map((name) => `projects/${project}/${shape.id}/${name}`),
    ...(shape.elsewhere ?? []),
  ];
  for (const file of files) {
    writeAged(join(claudeDir, file), shape.content ?? `{"sessionId":"${shape.id}","file":"${file}"}\n`, mtimeMs);
  }
  return { id: shape.id, project, mtimeMs, files };
}

/** Companions of all kinds, each session with its own mix. */
function companionsOf(id: string, random: () => number): Pick<SessionShape, 'companions' | 'elsewhere'> {
  const agent = Math.floor(random() * 2 ** 48)
    .toString(16)
    .padStart(16, '0');
  const companions = [
    ...(random() < 0.3 ? [`subagents/agent-a${agent}.jsonl`, `subagents/agent-a${agent}.meta.json`] : []),
    ...(random() < 0.1 ? [`subagents/workflows/wf_1/agent-a${agent}.jsonl`] : []),
    ...(random() < 0.3 ? ['tool-results/toolu_1.txt'] : []),
  ];
  const elsewhere = [
    ...(random() < 0.3 ? [`file-history/${id}/0a1b2c3d@v1`, `file-history/${id}/0a1b2c3d@v2`] : []),
    ...(random() < 0.2 ? [`session-env/${id}/hook-0.sh`] : []),
    ...(random() < 0.1 ? [`tasks/${id}/1.json`] : []),
    ...(random() < 0.1 ? [`debug/${id}.txt`] : []),
    ...(random() < 0.05 ? [`todos/${id}-agent-${id}.json`] : []),
  ];
  return { companions, elsewhere };
}

/** A tree of sessions of all ages up to `ageMaxDays` and of all kinds; about one in twenty an orphan. */
export function makeTree(
  claudeDir: string,
  options: { readonly sessions: number; readonly seed: number; readonly ageMaxDays?: number; readonly nowMs?: number },
): MadeSession[] {
  const random = seededRandom(options.seed);
  const nowMs = options.nowMs ?? Date.now();
  makeClaudeDir(claudeDir);
  const made: MadeSession[] = [];
  for (let number = 0; number < options.sessions; number += 1) {
    const id = sessionIdOf(options.seed * 10_000_000 + number);
    const isOrphan = random() < 0.05;
    const kinds = companionsOf(id, random);
    const shape: SessionShape = {
      id,
      project: `-srv-project-${Math.floor(random() * Math.max(1, options.sessions / 40))}`,
      ageMs: random() * (options.ageMaxDays ?? 60) * DAY_MS,
      hasTranscript: !isOrphan,
      ...kinds,
      ...(isOrphan ? { elsewhere: [...(kinds.elsewhere ?? []), `file-history/${id}/ffffffff@v1`] } : {}),
      content: `${id} ${'x'.repeat(Math.floor(random() * 2_000))}\n`,
    };
    made.push(makeSession(claudeDir, shape, nowMs));
  }
  addWhatIsKept(claudeDir, nowMs);
  return made;
}

/** What no sweeper may ever touch, all of it old. */
export function addWhatIsKept(claudeDir: string, nowMs = Date.now()): void {
  const oldMs = nowMs - 400 * DAY_MS;
  const kept = [
    'projects/-srv-project-0/memory/MEMORY.md',
    'projects/-srv-project-0/sessions-index.json',
    'projects/-srv-project-0/notes.txt',
    'projects/stray.jsonl',
    'settings.json',
    'history.jsonl',
    'plans/plan.md',
    'shell-snapshots/snapshot-bash-1.sh',
    'tasks/my-list/1.json',
    'debug/other.txt',
  ];
  for (const path of kept) writeAged(join(claudeDir, path), `kept: ${path}\n`, oldMs);
  symlinkSync('other.txt', join(claudeDir, 'debug/latest'));
}
