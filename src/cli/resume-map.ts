/** `map …`: the resume map by hand. */

import { idsMeantBy, parseProtectedId, parseSessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount } from '../format/counts.ts';
import { escapeControls, shownValue } from '../format/shown-text.ts';
import { openResumeMap, openResumeMapForReading } from '../live-sources/open-sources.ts';
import { checkedKey } from '../resume-map/keys.ts';
import type { ResumeMap, ResumeRow } from '../resume-map/resume-map.ts';
import { isStale } from '../resume-map/row-age.ts';
import type { CommandContext } from './command.ts';
import { withSessionIndex } from './find-sessions.ts';
import { renderFaces, shownFace } from './session-columns.ts';
import { parseSessionIds } from './session-ids.ts';
import { formatAge } from './terminal.ts';

const OTHERS_SHOWN_MAX = 20;

export async function listRows(context: CommandContext): Promise<number> {
  const rows = (await readRows(context)).sort((left, right) => right.lastUsedAtMs - left.lastUsedAtMs);
  const others = context.json ? '' : await othersTold(context);
  if (rows.length > 0 || others === '') showRows(context, rows, { sessions: rows });
  context.io.stdout.write(others);
  return EXIT_CODES.ok;
}

/** Only looks: unlike a host's `getSession`, it leaves a stale row where it is. */
export async function showRow(context: CommandContext, key: string): Promise<number> {
  const row = (await readRows(context)).find((candidate) => candidate.key === key);
  if (row === undefined) throw notThere(key);
  showRows(context, [row], row);
  return EXIT_CODES.ok;
}

export async function setRow(context: CommandContext, key: string, sessionId: string): Promise<number> {
  checkedKey(key);
  parseSessionIds([sessionId]);
  return changeMap(context, async (map) => {
    await map.setSession(key, sessionId);
    return { text: `${key} resumes ${sessionId}`, document: { key, sessionId } };
  });
}

export async function dropRow(context: CommandContext, key: string): Promise<number> {
  return changeMap(context, async (map) => {
    if (!(await map.dropSession(key))) throw notThere(key);
    return { text: `${key} is dropped`, document: { key, dropped: 1 } };
  });
}

export async function dropIssue(
  context: CommandContext,
  repo: string,
  issue: string,
  forge: string | undefined,
): Promise<number> {
  return changeMap(context, async (map) => {
    const dropped = await map.dropAllForIssue(repo, issue, forge === undefined ? {} : { forge });
    return {
      text: `${formatCount(dropped, 'session')} of ${repo}:${issue} dropped`,
      document: { repo, issue, dropped },
    };
  });
}

/** Rows that resume nothing as they stand: one whose id is in another form protects whom it means all the same. */
async function othersTold({ resolved }: CommandContext): Promise<string> {
  const map = await openResumeMapForReading(resolved.config, systemClock);
  try {
    const others: string[] = [];
    for await (const page of map.readPages()) {
      for (const { key, sessionId } of page) {
        if (parseSessionId(sessionId) !== undefined && typeof key === 'string') continue;
        const meant = parseProtectedId(sessionId) ?? idsMeantBy(sessionId)[0];
        others.push(`${escapeControls(String(key))}${meant === undefined ? '' : ` (protects ${meant})`}\n`);
      }
    }
    if (others.length === 0) return '';
    const more = others.length > OTHERS_SHOWN_MAX ? '…\n' : '';
    return `${formatCount(others.length, 'row')} more, with no id that can be resumed as it is written:\n${others.slice(0, OTHERS_SHOWN_MAX).join('')}${more}`;
  } finally {
    await map.close();
  }
}

interface ShownRow extends ResumeRow {
  readonly stale: boolean;
}

async function readRows({ resolved }: CommandContext): Promise<ShownRow[]> {
  const map = await openResumeMapForReading(resolved.config, systemClock);
  try {
    const maxAge = await map.maxSessionAge();
    const nowMs = systemClock.now();
    return (await map.listSessions()).map((row) => ({ ...row, stale: isStale(row, nowMs, maxAge) }));
  } finally {
    await map.close();
  }
}

async function changeMap(
  { resolved, io, json }: CommandContext,
  change: (map: ResumeMap) => Promise<{ readonly text: string; readonly document: object }>,
): Promise<number> {
  const map = openResumeMap(resolved.config, systemClock);
  try {
    const { text, document } = await change(map);
    io.stdout.write(json ? `${JSON.stringify(document)}\n` : `${escapeControls(text)}\n`);
    return EXIT_CODES.ok;
  } finally {
    await map.close();
  }
}

function showRows(context: CommandContext, rows: readonly ShownRow[], document: object): void {
  const { io, json, colors } = context;
  if (json) {
    io.stdout.write(`${JSON.stringify(document)}\n`);
    return;
  }
  if (rows.length === 0) {
    io.stdout.write('The resume map is empty.\n');
    return;
  }
  const nowMs = systemClock.now();
  const cells = withSessionIndex(context, (index) =>
    rows.map((row) => {
      const sessionId = parseProtectedId(row.sessionId);
      const session = sessionId && index.session(sessionId);
      const state = row.stale ? 'stale' : '';
      const face = shownFace(session, io.home);
      return [row.key, row.sessionId, formatAge(row.lastUsedAtMs, nowMs), state, ...face];
    }),
  );
  const shown = { nowMs, home: io.home, colors, stream: io.stdout };
  io.stdout.write(`${renderFaces(['KEY', 'SESSION', 'LAST USED', '', 'PROJECT', 'TITLE'], cells, shown)}\n`);
}

function notThere(key: string): OperatingError {
  return new OperatingError('bad-data', `session ${shownValue(key)}: there is no such key in the resume map`);
}
