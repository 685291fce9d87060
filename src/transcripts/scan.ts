/** Reads a whole Claude directory into units. Synchronous: it belongs in a thread of its own. */

import { errorCode } from '../errors.ts';
import type { SessionId } from '../sessions/session-id.ts';
import type { AnchoredDir } from './anchored-dir.ts';
import type { ByteName } from './byte-name.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { COMPANION_PLACES, PROJECTS, parseProjectEntry } from './layout.ts';
import { isExhaustion, Measurer, type ReadFault } from './measure.ts';
import type { DirEntry } from './native-calls.ts';
import { isTranscript, type Part, type Unit } from './unit.ts';

export interface ScanOptions {
  /** Asked between directories; the scan then ends with `stopped`. */
  readonly shouldStop?: () => boolean;
  /** Called now and then with the number of sessions seen so far. */
  readonly onProgress?: (sessions: number) => void;
}

export interface ScanResult {
  readonly units: readonly Unit[];
  /** Whether every project directory could be read: if not, a missing transcript may be where we could not look. */
  readonly complete: boolean;
  readonly stopped: boolean;
  readonly faults: readonly ReadFault[];
}

interface Draft {
  readonly measurer: Measurer;
  readonly parts: Part[];
  project: ByteName | undefined;
  transcripts: number;
}

/** @throws the system's error where the process itself ran out of descriptors or memory */
export function scanClaudeDir(claudeDir: ClaudeDir, options: ScanOptions = {}): ScanResult {
  const scan = new Scan(claudeDir, options);
  scan.readProjects();
  for (const place of COMPANION_PLACES) {
    scan.readPlace(place.directory, place.kind, place.sessionOf);
  }
  return scan.result();
}

class Scan {
  readonly #claudeDir: ClaudeDir;
  readonly #options: ScanOptions;
  readonly #drafts = new Map<SessionId, Draft>();
  readonly #faults: ReadFault[] = [];
  #complete = true;
  #companionsComplete = true;
  #stopped = false;

  constructor(claudeDir: ClaudeDir, options: ScanOptions) {
    this.#claudeDir = claudeDir;
    this.#options = options;
  }

  readProjects(): void {
    for (const entry of this.#list(this.#claudeDir.projects, PROJECTS) ?? []) {
      if (this.#shouldStop()) return;
      // A symlink here may lead to transcripts that we do not see: then no companion counts as an orphan.
      if (entry.kind === 'other') this.#complete = false;
      if (entry.kind === 'directory') this.#readProject(entry.name);
    }
  }

  readPlace(name: ByteName, kind: 'file' | 'directory', sessionOf: (name: string) => SessionId | undefined): void {
    if (this.#shouldStop()) return;
    const directory = [name];
    const read = this.#inDirectory(this.#claudeDir.root, name, name, (held, entries) => {
      for (const entry of entries) {
        const sessionId = sessionOf(entry.name);
        if (sessionId === undefined) continue;
        this.#add(this.#draft(sessionId), held, { directory, name: entry.name, kind }, entry);
      }
    });
    if (!read) this.#companionsComplete = false;
  }

  result(): ScanResult {
    const units = Array.from(this.#drafts, ([sessionId, draft]) => this.#toUnit(sessionId, draft));
    const unitFaults = Array.from(this.#drafts.values(), (draft) => draft.measurer.faults).flat();
    return {
      units,
      complete: this.#complete && !this.#stopped,
      stopped: this.#stopped,
      faults: [...this.#faults, ...unitFaults],
    };
  }

  #readProject(project: ByteName): void {
    const directory = [PROJECTS, project];
    const read = this.#inDirectory(this.#claudeDir.projects, project, directory.join('/'), (held, entries) => {
      for (const entry of entries) {
        const known = parseProjectEntry(entry.name);
        if (known === undefined) continue;
        const draft = this.#draft(known.sessionId);
        draft.project ??= project;
        if (known.isTranscript) draft.transcripts += 1;
        // Claude refuses an id that it finds twice, so which of the two is meant is not ours to say.
        if (draft.transcripts > 1 || draft.project !== project) draft.measurer.suspect('duplicate-id');
        this.#add(draft, held, { directory, name: entry.name, kind: known.isTranscript ? 'file' : 'directory' }, entry);
      }
      this.#options.onProgress?.(this.#drafts.size);
    });
    if (!read) this.#complete = false;
  }

  #add(draft: Draft, held: AnchoredDir, part: Part, entry: DirEntry): void {
    draft.parts.push(part);
    if (entry.kind === part.kind) draft.measurer.add(held, part);
    else draft.measurer.suspect('unrecognised');
  }

  #draft(sessionId: SessionId): Draft {
    let draft = this.#drafts.get(sessionId);
    if (draft === undefined) {
      draft = { measurer: new Measurer(this.#claudeDir.surroundings), parts: [], project: undefined, transcripts: 0 };
      this.#drafts.set(sessionId, draft);
    }
    return draft;
  }

  #toUnit(sessionId: SessionId, { measurer, parts, project, transcripts }: Draft): Unit {
    const hasTranscript = transcripts > 0;
    // What we cannot see of a unit may be its newest part.
    if (!this.#companionsComplete) measurer.suspect('unreadable');
    if (!hasTranscript && (!this.#complete || this.#stopped)) measurer.suspect('projects-unreadable');
    return {
      sessionId,
      project,
      hasTranscript,
      doubt: measurer.doubt,
      // The transcript first: it is moved first, so that a session which writes in that instant is noticed at once.
      parts: parts.toSorted((left, right) => Number(isTranscript(right)) - Number(isTranscript(left))),
      files: measurer.files,
      bytes: measurer.bytes,
      newestMtimeMs: measurer.newestMtimeMs,
      digest: measurer.digest,
    };
  }

  /** @returns whether it could be read; a place that is not there is read in full */
  #inDirectory(
    parent: AnchoredDir,
    name: ByteName,
    path: string,
    visit: (held: AnchoredDir, entries: readonly DirEntry[]) => void,
  ): boolean {
    const { dev, mountPoints } = this.#claudeDir.surroundings;
    if (mountPoints.has(path)) return this.#fault(path, 'EXDEV');
    let held: AnchoredDir;
    try {
      held = parent.openChild(name);
    } catch (error) {
      return this.#forgive(path, error);
    }
    try {
      if (held.dev !== dev) return this.#fault(path, 'EXDEV');
      const entries = this.#list(held, path);
      if (entries === undefined) return false;
      visit(held, entries);
      return true;
    } finally {
      held.close();
    }
  }

  #list(held: AnchoredDir, path: string): DirEntry[] | undefined {
    try {
      return held.entries();
    } catch (error) {
      this.#forgive(path, error);
      this.#complete = false;
      return undefined;
    }
  }

  #forgive(path: string, error: unknown): boolean {
    const code = errorCode(error);
    if (code === undefined || isExhaustion(code)) throw error;
    if (code === 'ENOENT') return true;
    return this.#fault(path, code);
  }

  #fault(path: string, code: string): false {
    this.#faults.push({ path, code });
    return false;
  }

  #shouldStop(): boolean {
    this.#stopped ||= this.#options.shouldStop?.() ?? false;
    return this.#stopped;
  }
}
