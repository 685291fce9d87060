import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrashedSession } from '../../src/trash/folders.ts';
import { snapshot } from '../support/disk.ts';
import { openClaudeDir, openTrash } from '../support/opened.ts';
import { runProgram } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const ID = sessionIdOf(7);
const TRANSCRIPT = `projects/-srv-app/${ID}.jsonl`;
const DIRECTORY = `projects/-srv-app/${ID}`;
const HEAD = '{"n":1}\n{"n":2}\n';
const TAIL = '{"n":3}\n';

/** A session whose older part is in the trash, and whose newer part was written where it had been. */
function torn(head = HEAD, tail = TAIL) {
  const path = makeClaudeDir(tempDir());
  makeSession(path, { id: ID, ageMs: 40 * DAY_MS, companions: ['subagents/agent-a1.jsonl'], content: head }, NOW);
  writeAged(join(path, `file-history/${ID}/0a@v1`), 'checkpoint', NOW - 40 * DAY_MS);
  const run = trashSessions(path, [ID], NOW - DAY_MS);
  writeAged(join(path, TRANSCRIPT), tail, NOW - 1_000);
  const at = (relative: string) => join(path, relative);
  const inTrash = (relative: string) => at(`session-sweeper/trash/${run}/${relative}`);
  const trash = openTrash(openClaudeDir(path));
  const states = () => trash.contents().sessions.map(({ state, reason }: TrashedSession) => `${state} ${reason}`);
  return { path, at, inTrash, trash, states };
}

describe('Joining a session in the trash with what was written in its place since', () => {
  it('is named as the way out by a restore, which overwrites nothing', () => {
    const { path, trash } = torn();
    const before = snapshot(path);
    expect(() => trash.restore(ID, NOW)).toThrow(/exists; both are left as they are \(--join makes one transcript/);
    expect(snapshot(path)).toEqual(before);
  });

  it('makes one whole transcript, with the companions, the time of the newer part and private', () => {
    const { at, trash } = torn();
    expect(trash.join(ID, NOW).left).toEqual([]);
    expect(readFileSync(at(TRANSCRIPT), 'utf8')).toBe(HEAD + TAIL);
    expect(statSync(at(TRANSCRIPT)).mtimeMs).toBeCloseTo(NOW - 1_000, -1);
    expect(readFileSync(at(`${DIRECTORY}/subagents/agent-a1.jsonl`), 'utf8')).toBe(HEAD);
    expect(readFileSync(at(`file-history/${ID}/0a@v1`), 'utf8')).toBe('checkpoint');
  });

  it('leaves both originals there for their whole time, also where it went by a clock of 1970', () => {
    const { trash } = torn();
    trash.join(ID, 60_000);
    const { sessions, unreadableFolders } = trash.contents();
    expect(unreadableFolders).toEqual([]);
    expect(sessions.map(({ trashedAtMs }) => trashedAtMs)).toEqual([NOW - DAY_MS, NOW - DAY_MS]);
  });

  it('leaves both originals in the trash, where a purge takes them when their time is over', async () => {
    const { path, inTrash, states } = torn();
    const stateDir = tempDir();
    const common = ['--claude-dir', path, '--state-dir', stateDir];
    const joined = await runProgram([...common, 'trash', 'restore', '--join', ID]);
    expect(joined).toMatchObject({
      code: 0,
      stdout: `${ID} joined with what was written since\n  to ${join(path, TRANSCRIPT)}\n`,
    });
    expect(readFileSync(inTrash(TRANSCRIPT), 'utf8')).toBe(HEAD);
    expect(states().toSorted()).toEqual(['joined expired', 'joined joined']);
    await runProgram([...common, '--run-now', '--job', 'purge-trash', '--trash-keep', '1h']);
    expect(states()).toHaveLength(2);
    await runProgram([...common, '--run-now', '--job', 'purge-trash', '--trash-keep', '1ms']);
    expect(readdirSync(join(path, 'session-sweeper/trash'))).toEqual([]);
    expect(readFileSync(join(path, TRANSCRIPT), 'utf8')).toBe(HEAD + TAIL);
  });

  it('is refused a second time', () => {
    const { at, trash } = torn();
    trash.join(ID, NOW);
    expect(() => trash.join(ID, NOW)).toThrow('not in the trash');
    expect(readFileSync(at(TRANSCRIPT), 'utf8')).toBe(HEAD + TAIL);
  });

  it('adds nothing twice where a kill kept an earlier join from saying that it was through', () => {
    const { at, trash, states } = torn();
    writeFileSync(at(TRANSCRIPT), HEAD + TAIL);
    trash.join(ID, NOW);
    expect(readFileSync(at(TRANSCRIPT), 'utf8')).toBe(HEAD + TAIL);
    expect(states()).toEqual(['joined expired']);
  });

  it('puts a line end between the parts where the older one was cut off', () => {
    const { at, trash } = torn('{"n":1}\n{"n":', TAIL);
    trash.join(ID, NOW);
    expect(readFileSync(at(TRANSCRIPT), 'utf8')).toBe(`{"n":1}\n{"n":\n${TAIL}`);
  });

  it('takes transcripts of any size', () => {
    const [head, tail] = [`${'h'.repeat(3 << 20)}\n`, `${'t'.repeat((1 << 20) + 1)}\n`];
    const { at, trash } = torn(head, tail);
    trash.join(ID, NOW);
    expect(readFileSync(at(TRANSCRIPT), 'utf8') === head + tail).toBe(true);
  });

  it('keeps newer companions, puts older ones beside them, and tells what stays in the trash', () => {
    const { at, inTrash, trash } = torn();
    writeAged(at(`${DIRECTORY}/subagents/agent-a1.jsonl`), 'newer', NOW);
    writeAged(at(`${DIRECTORY}/tool-results/1.txt`), 'newer', NOW);
    mkdirSync(inTrash(`${DIRECTORY}/tool-results`));
    writeFileSync(inTrash(`${DIRECTORY}/tool-results/2.txt`), 'older');
    expect(trash.join(ID, NOW).left).toEqual([`${DIRECTORY}/subagents/agent-a1.jsonl`]);
    expect(readFileSync(at(`${DIRECTORY}/subagents/agent-a1.jsonl`), 'utf8')).toBe('newer');
    expect(readdirSync(at(`${DIRECTORY}/tool-results`)).toSorted()).toEqual(['1.txt', '2.txt']);
    expect(readFileSync(inTrash(`${DIRECTORY}/subagents/agent-a1.jsonl`), 'utf8')).toBe(HEAD);
  });

  it('merely restores a session in whose place nothing stands', () => {
    const { at, trash, states } = torn();
    renameSync(at(TRANSCRIPT), at('elsewhere'));
    trash.join(ID, NOW);
    expect(readFileSync(at(TRANSCRIPT), 'utf8')).toBe(HEAD);
    expect(states()).toEqual([]);
  });

  it('leaves a session alone where what stands in its place has another name somewhere', () => {
    const { path, at, trash } = torn();
    linkSync(at(TRANSCRIPT), at('backup.jsonl'));
    expect(() => trash.join(ID, NOW)).toThrow('is no plain file');
    expect(readFileSync(at(TRANSCRIPT), 'utf8')).toBe(TAIL);
    expect(existsSync(join(path, 'session-sweeper/trash'))).toBe(true);
  });

  it('leaves a session alone while a process is at work on it', async () => {
    const { path, at } = torn();
    writeAged(at('sessions/1.json'), JSON.stringify({ pid: 1, sessionId: ID }), NOW);
    const before = readFileSync(at(TRANSCRIPT), 'utf8');
    const { code, stderr } = await runProgram([
      ...['--claude-dir', path, '--state-dir', tempDir()],
      ...['trash', 'restore', '--join', ID],
    ]);
    expect({ code, stderr }).toEqual({
      code: 65,
      stderr: `claude-session-sweeper: join ${ID}: a process is at work on it; end it first\n`,
    });
    expect(readFileSync(at(TRANSCRIPT), 'utf8')).toBe(before);
  });
});
