import { describe, expect, it } from 'vitest';
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from '../src/log.ts';
import { SetClock } from './support/set-clock.ts';
import { NOW } from './support/units.ts';

function logged(use: (log: Logger) => void, level: LogLevel = 'info'): Record<string, unknown>[] {
  const lines: string[] = [];
  use(createLogger(level, (line) => lines.push(line), new SetClock(NOW)));
  for (const line of lines) expect(line).toMatch(/^[^\n]*\n$/);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('The log', () => {
  it('is one JSON document a line, with who has written it, when, and the message last', () => {
    const [line] = logged((log) => log.info({ job: 'purge-trash', at: new Date(NOW) }, 'job finished\nfor now'));
    expect(line).toEqual({
      level: 30,
      time: NOW,
      pid: process.pid,
      hostname: expect.any(String),
      name: 'claude-session-sweeper',
      job: 'purge-trash',
      at: new Date(NOW).toISOString(),
      msg: 'job finished\nfor now',
    });
    expect(Object.keys(line ?? {}).at(-1)).toBe('msg');
  });

  it.each(LOG_LEVELS)('holds nothing below its level: %s', (level) => {
    const lines = logged((log) => {
      log.debug({}, 'debug');
      log.info({}, 'info');
      log.warn({}, 'warn');
      log.error({}, 'error');
    }, level);
    const shown = { trace: 4, debug: 4, info: 3, warn: 2, error: 1, fatal: 0, silent: 0 }[level];
    expect(lines.map(({ msg }) => msg)).toEqual(['debug', 'info', 'warn', 'error'].slice(4 - shown));
  });

  it('tells what an error is, and where it comes from', () => {
    const error = Object.assign(new TypeError('no'), { code: 'EIO' });
    const [line] = logged((log) => log.error({ err: error }, 'job threw'));
    expect(line).toMatchObject({
      level: 50,
      err: { type: 'TypeError', message: 'no', code: 'EIO', stack: error.stack },
    });
  });

  it('shows no secret, wherever it stands', () => {
    const err = new Error('connect postgres://bot:hunter2@db/x');
    const [line] = logged((log) => log.error({ err, url: 'https://a:hunter2@b' }, 'token=hunter2'));
    expect(JSON.stringify(line)).not.toContain('hunter2');
    expect(line).toMatchObject({ msg: 'token=***' });
  });
});
