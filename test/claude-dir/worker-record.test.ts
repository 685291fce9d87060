import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquireDirLock, isDirLocked } from '../../src/claude-dir/dir-lock.ts';
import {
  describeWorker,
  ownPidDomain,
  readWorkerRecord,
  removeWorkerRecord,
  writeWorkerRecord,
} from '../../src/claude-dir/worker-record.ts';
import { snapshot } from '../support/disk.ts';
import { openClaudeDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const STATE = { version: '1.2.3', startedAtMs: NOW };
const SINCE = new Date(NOW).toISOString();

function made() {
  const path = makeClaudeDir(tempDir());
  return { path, claudeDir: openClaudeDir(path) };
}

describe('The record of a worker', () => {
  it('names pid, host and since when to whoever finds the lock taken', () => {
    const { path, claudeDir } = made();
    const lock = acquireDirLock(claudeDir, 'worker');
    expect(() => acquireDirLock(openClaudeDir(path), 'worker')).toThrow(/another worker runs on it$/);
    writeWorkerRecord(claudeDir, STATE);
    expect(() => acquireDirLock(openClaudeDir(path), 'worker')).toThrow(
      `another worker runs on it (pid ${process.pid} on ${hostname()}, since ${SINCE})`,
    );
    expect(readWorkerRecord(claudeDir)).toMatchObject({ ...STATE, pid: process.pid, place: 'here' });
    removeWorkerRecord(claudeDir);
    expect(readWorkerRecord(claudeDir)).toBeUndefined();
    lock.release();
  });

  it.each([
    [
      'another container of this machine',
      { bootId: 'a', pidNamespace: 'pid:[2]' },
      { bootId: 'a', pidNamespace: 'pid:[1]' },
    ],
    ['another machine', { bootId: 'b', pidNamespace: 'pid:[1]' }, { bootId: 'a', pidNamespace: 'pid:[1]' }],
    ['another machine or container', { bootId: 'b' }, { bootId: 'a', pidNamespace: 'pid:[1]' }],
    [
      'another machine or container',
      { bootId: 'a', pidNamespace: 'pid:[1]' },
      { bootId: 'a', pidNamespace: undefined },
    ],
    ['another machine or container', 'nonsense', { bootId: 'a', pidNamespace: 'pid:[1]' }],
  ])('says of a pid of %s that it is one', (told, domain, here) => {
    const { path, claudeDir } = made();
    acquireDirLock(claudeDir, 'worker').release();
    writeFileSync(join(path, 'session-sweeper/worker.json'), JSON.stringify({ pid: 7, host: 'box', domain, ...STATE }));
    const worker = readWorkerRecord(claudeDir, here);
    expect(worker && describeWorker(worker)).toBe(`pid 7 of ${told}, box, since ${SINCE}`);
  });

  it.each(['', 'null', '[]', '{"pid":"7"}', '{"pid":7,"host":"a","version":"1","startedAtMs":1e300}'])(
    'is none where it makes no sense: %s',
    (text) => {
      const { path, claudeDir } = made();
      acquireDirLock(claudeDir, 'worker').release();
      writeFileSync(join(path, 'session-sweeper/worker.json'), text);
      expect(readWorkerRecord(claudeDir, ownPidDomain())).toBeUndefined();
    },
  );

  it('shows no control character and no secret of what somebody has put in its place', () => {
    const { path, claudeDir } = made();
    acquireDirLock(claudeDir, 'worker').release();
    const record = { pid: 7, host: 'a\nb token=hunter2', ...STATE };
    writeFileSync(join(path, 'session-sweeper/worker.json'), JSON.stringify(record));
    const worker = readWorkerRecord(claudeDir);
    expect(worker).toMatchObject({ host: 'a\\u000ab token=***' });
  });

  it('is not needed to lock, where it cannot be written', () => {
    const { path, claudeDir } = made();
    const lock = acquireDirLock(claudeDir, 'worker');
    writeFileSync(join(path, 'session-sweeper/worker.json.new'), '');
    makeClaudeDir(join(path, 'session-sweeper/worker.json'));
    expect(() => writeWorkerRecord(claudeDir, STATE)).not.toThrow();
    lock.release();
  });
});

describe('Whether a Claude directory is locked', () => {
  it('is told without a change to any byte, and without taking the lock from anybody', () => {
    const { path, claudeDir } = made();
    expect(isDirLocked(claudeDir, 'worker')).toBe(false);
    expect(snapshot(path)).toEqual(snapshot(path));
    const lock = acquireDirLock(claudeDir, 'worker');
    const before = snapshot(path);
    expect(isDirLocked(openClaudeDir(path), 'worker')).toBe(true);
    expect(isDirLocked(openClaudeDir(path), 'run')).toBe(false);
    expect(() => acquireDirLock(openClaudeDir(path), 'worker')).toThrow('another worker');
    lock.release();
    expect(isDirLocked(claudeDir, 'worker')).toBe(false);
    expect(snapshot(path)).toEqual(before);
  });
});
