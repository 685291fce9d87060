/** The sessions of a simulated host as Claude writes them, and what each file of theirs has to hold: known by whoever wrote it, never by the worker. */

import { existsSync, mkdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import { sessionIdOf } from '../../support/tree.ts';

/** Before that there was no Claude: a clock that says so has lost its battery. */
export const SENSIBLE_FROM_MS = Date.UTC(2023, 0, 1);

export interface LifeFile {
  readonly content: string;
  /** As whoever wrote it dated it; the shield may have made it younger since. */
  readonly mtimeMs: number;
}

export interface LifeSession {
  readonly id: SessionId;
  readonly entrypoint: string;
  project: string;
  /** By path below the Claude directory. */
  files: ReadonlyMap<string, LifeFile>;
  /** The newest time that stands in its transcript, Unix epoch ms. */
  entryMs: number;
  isPinned: boolean;
  isTagged: boolean;
  isTitled: boolean;
  isRunning: boolean;
}

/** Its age counts from here, by what can be told from the disk; undefined where every file has a time that makes no sense. */
export function lastUsedMs({ files, entryMs }: LifeSession): number | undefined {
  const newestMs = Math.max(...[...files.values()].map(({ mtimeMs }) => mtimeMs));
  return newestMs < SENSIBLE_FROM_MS ? undefined : Math.max(newestMs, entryMs);
}

export class SessionFiles {
  readonly claudeDir: string;
  readonly sessions: LifeSession[] = [];
  /** What is no session's, below the Claude directory, and what it holds: for ever. */
  readonly others = new Map<string, string>();
  readonly #random: () => number;
  #made = 0;

  constructor(claudeDir: string, random: () => number) {
    this.claudeDir = claudeDir;
    this.#random = random;
  }

  begin(project: string, entrypoint: string, wallMs: number): LifeSession {
    this.#made += 1;
    const marks = { isPinned: false, isTagged: false, isTitled: false, isRunning: false };
    const session: LifeSession = {
      ...{ id: sessionIdOf(this.#made), entrypoint, project, files: new Map(), entryMs: 0 },
      ...marks,
    };
    this.sessions.push(session);
    this.use(session, wallMs);
    return session;
  }

  /** A turn, and at times what a turn leaves beside the transcript. */
  use(session: LifeSession, wallMs: number): void {
    const { id, entrypoint } = session;
    const timestamp = new Date(wallMs).toISOString();
    this.#append(session, { type: 'user', sessionId: id, entrypoint, timestamp, uuid: `${wallMs}` }, wallMs);
    session.entryMs = Math.max(session.entryMs, wallMs);
    const number = session.files.size;
    const own = `projects/${session.project}/${id}`;
    const left = [
      `${own}/subagents/agent-a${String(number).padStart(16, '0')}.jsonl`,
      `${own}/tool-results/toolu_${number}.txt`,
      `file-history/${id}/0a1b2c3d@v${number}`,
      `session-env/${id}/hook-${number}.sh`,
    ];
    for (const path of left) if (this.#random() < 0.12) this.#write(session, path, `${path} ${wallMs}\n`, wallMs);
  }

  tag(session: LifeSession, tag: string, wallMs: number): void {
    session.isTagged = tag === 'keep';
    this.#append(session, { type: 'tag', tag, sessionId: session.id }, wallMs);
  }

  title(session: LifeSession, wallMs: number): void {
    session.isTitled = true;
    this.#append(session, { type: 'custom-title', customTitle: 'The plan', sessionId: session.id }, wallMs);
  }

  /** As when a conversation enters a worktree. */
  rename(session: LifeSession, project: string): void {
    if (session.project === project) return;
    const [from, to] = [`projects/${session.project}/${session.id}`, `projects/${project}/${session.id}`];
    mkdirSync(join(this.claudeDir, 'projects', project), { recursive: true });
    for (const ending of ['.jsonl', '']) {
      const path = join(this.claudeDir, from + ending);
      if (existsSync(path)) renameSync(path, join(this.claudeDir, to + ending));
    }
    const moved = [...session.files].map(([path, file]) => [path.replace(from, to), file] as const);
    Object.assign(session, { project, files: new Map(moved) });
  }

  /** Somebody copies them without their times. */
  touch(session: LifeSession, wallMs: number): void {
    for (const [path, { content }] of session.files) this.#write(session, path, content, wallMs);
  }

  /** Somebody brings back what they were: what is there stays. */
  bringBack(session: LifeSession, files: LifeSession['files']): void {
    session.files = files;
    for (const [path, { content, mtimeMs }] of files) this.#write(session, path, content, mtimeMs);
    // Of what was written since, it says nothing.
    const transcript = files.get(this.transcriptOf(session))?.content ?? '';
    const times = [...transcript.matchAll(/"timestamp":"([^"]+)"/g)].map(([, time]) => Date.parse(time ?? ''));
    session.entryMs = Math.max(0, ...times);
    session.isTagged = [...transcript.matchAll(/"tag":"([^"]*)"/g)].at(-1)?.[1] === 'keep';
    session.isTitled = transcript.includes('"custom-title"');
  }

  /** Nobody remembers any more what was made younger: the times on disk are all there is. */
  forgetTrueTimes(sessions: readonly LifeSession[]): void {
    for (const session of sessions) {
      const aged = [...session.files].map(([path, file]) => {
        const onDisk = statSync(join(this.claudeDir, path), { throwIfNoEntry: false });
        return [path, { ...file, mtimeMs: Math.max(file.mtimeMs, onDisk?.mtimeMs ?? 0) }] as const;
      });
      session.files = new Map(aged);
    }
  }

  /** Writes what is no session's. */
  leave(path: string, content: string, mtimeMs: number): void {
    this.#writeFile(path, content, mtimeMs);
    this.others.set(path, content);
  }

  transcriptOf({ id, project }: LifeSession): string {
    return `projects/${project}/${id}.jsonl`;
  }

  #append(session: LifeSession, entry: Readonly<Record<string, unknown>>, wallMs: number): void {
    const path = this.transcriptOf(session);
    const before = session.files.get(path)?.content ?? '';
    this.#write(session, path, `${before}${JSON.stringify(entry)}\n`, wallMs);
  }

  #write(session: LifeSession, path: string, content: string, mtimeMs: number): void {
    this.#writeFile(path, content, mtimeMs);
    session.files = new Map([...session.files, [path, { content, mtimeMs }]]);
  }

  #writeFile(path: string, content: string, mtimeMs: number): void {
    const full = join(this.claudeDir, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
    utimesSync(full, mtimeMs / 1_000, mtimeMs / 1_000);
    // Claude's clean-up goes by the time of such a directory, and a machine whose clock is turned dates it by its own.
    if (/^(file-history|session-env)\//.test(path)) utimesSync(dirname(full), mtimeMs / 1_000, mtimeMs / 1_000);
  }
}

/** Undefined where it is not there. */
export function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
