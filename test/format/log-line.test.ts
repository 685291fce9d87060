import { describe, expect, it } from 'vitest';
import { LOG_LEVELS, type LogEvent, logLine } from '../../src/format/log-line.ts';
import { NOW } from '../support/units.ts';

const event = (fields: object, message = 'job finished', level: LogEvent['level'] = 'info'): LogEvent => ({
  ...{ level, fields, message },
  timeMs: NOW,
  origin: { pid: 1, hostname: 'host' },
});
const shown = (format: 'json' | 'text' | 'journal', ...args: Parameters<typeof event>) =>
  logLine(event(...args), { format, isColored: false });

const HOSTILE = 'a\n<0>b\u001b[31m\u202e\u0085 postgres://bot:hunter2@db token=hunter2';

describe('A line of the log', () => {
  it('is JSON with the level by name and the time by RFC 3339', () => {
    expect(JSON.parse(shown('json', { job: 'purge-trash' }))).toEqual({
      ...{ level: 'info', time: new Date(NOW).toISOString(), pid: 1, hostname: 'host', job: 'purge-trash' },
      msg: 'job finished',
    });
  });

  it('has local time, level, message and fields for a person, and nothing of fields that are empty', () => {
    const line = shown('text', {
      job: 'purge-trash',
      why: 'two words',
      errors: [],
      configFile: null,
      kept: { live: 2 },
    });
    expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO {2}job finished {2}/);
    expect(line.slice(line.indexOf('job='))).toBe('job=purge-trash why="two words" kept={"live":2}\n');
    const local = new Date(NOW);
    expect(line.slice(11, 13)).toBe(String(local.getHours()).padStart(2, '0'));
  });

  it('colours what went wrong, and only where colours are wanted', () => {
    const wrong = event({}, 'job failed', 'error');
    expect(logLine(wrong, { format: 'text', isColored: true })).toContain('\u001b[31mERROR\u001b[39m');
    expect(logLine(wrong, { format: 'text', isColored: false })).not.toContain('\u001b');
    expect(logLine(wrong, { format: 'json', isColored: true })).not.toContain('\u001b');
  });

  it('is cut for a person where all is well, and whole where something is wrong: the end may be the fault', () => {
    const fields = { faults: [`${'x'.repeat(400)}: expected an age`] };
    expect(shown('text', fields)).not.toContain('expected an age');
    expect(shown('text', fields, 'configuration refused', 'error')).toContain('expected an age');
  });

  it('begins with its priority in the journal, which knows the time', () => {
    const priorities = LOG_LEVELS.slice(0, -1).map((level) => shown('journal', {}, 'x', level));
    expect(priorities).toEqual(['<7>x\n', '<7>x\n', '<6>x\n', '<4>x\n', '<3>x\n', '<2>x\n']);
    expect(shown('journal', { job: 'purge-trash' })).toBe('<6>job finished  job=purge-trash\n');
  });

  it.each(['json', 'text', 'journal'] as const)(
    'is one line without control characters and secrets as %s',
    (format) => {
      const line = shown(format, { name: HOSTILE, err: new Error(HOSTILE), list: [HOSTILE] }, HOSTILE);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e](?!$)/);
      expect(line).not.toContain('hunter2');
      expect(line.endsWith('\n')).toBe(true);
    },
  );

  it('keeps what is endless within bounds for a person', () => {
    expect(shown('text', { errors: Array.from({ length: 1_000 }, () => 'fault') }).length).toBeLessThan(500);
  });
});
