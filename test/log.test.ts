import { describe, expect, it } from 'vitest';
import { LOG_LEVELS, type LogLevel } from '../src/format/log-line.ts';
import { createLogger, type Logger } from '../src/log.ts';
import { lineOutput } from '../src/log-output.ts';
import { SetClock } from './support/set-clock.ts';
import { NOW } from './support/units.ts';

function logged(use: (log: Logger) => void, level: LogLevel = 'info'): Record<string, unknown>[] {
  const lines: string[] = [];
  const output = { write: (line: string) => lines.push(line) > 0 };
  use(createLogger(level, { output, clock: new SetClock(NOW) }));
  for (const line of lines) expect(line).toMatch(/^[^\n]*\n$/);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('The log', () => {
  it('is one JSON document a line, with who has written it, when, and the message last', () => {
    const [line] = logged((log) => log.info({ job: 'purge-trash', at: new Date(NOW) }, 'job finished\nfor now'));
    expect(line).toEqual({
      level: 'info',
      time: new Date(NOW).toISOString(),
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
      level: 'error',
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

/** A reader that takes so many bytes at a time, and none while it does not read. */
class Reader {
  text = '';
  reads = true;
  attempts = 0;
  readonly #bytesMax: number;

  constructor(bytesMax = Number.POSITIVE_INFINITY) {
    this.#bytesMax = bytesMax;
  }

  readonly take = (bytes: Buffer): number => {
    this.attempts += 1;
    if (!this.reads) throw Object.assign(new Error('try again'), { code: 'EAGAIN' });
    const taken = bytes.subarray(0, this.#bytesMax);
    this.text += taken.toString();
    return taken.length;
  };
}

describe('A log that nobody reads', () => {
  it('waits once, and then holds nobody up, however many lines come', () => {
    const reader = new Reader();
    reader.reads = false;
    const log = createLogger('debug', { output: lineOutput(reader.take, 0) });
    log.info({}, 'first');
    const attempts = reader.attempts;
    for (let number = 0; number < 1_000; number += 1) log.error({ number }, 'more');
    expect(reader.attempts - attempts).toBe(1_000);
  });

  it('never waits for a line that only tells details', () => {
    const reader = new Reader();
    reader.reads = false;
    createLogger('debug', { output: lineOutput(reader.take, 60_000) }).debug({}, 'detail');
    expect(reader.attempts).toBe(1);
  });

  it('says how many lines it has lost once it is read again, and leaves no line in halves', () => {
    const reader = new Reader(7);
    const log = createLogger('info', { output: lineOutput(reader.take, 0) });
    const halfTaken = reader.take;
    let calls = 0;
    const output = lineOutput((bytes) => {
      calls += 1;
      if (calls > 1) reader.reads = false;
      return halfTaken(bytes);
    }, 0);
    const cut = createLogger('info', { output });
    cut.info({}, 'cut off');
    for (let number = 0; number < 3; number += 1) cut.info({}, 'lost');
    calls = Number.NEGATIVE_INFINITY;
    reader.reads = true;
    cut.info({}, 'back');
    log.info({}, 'whole');
    const events = reader.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ msg }) => msg)).toEqual([
      'cut off',
      'lines of the log were lost: nobody read them',
      'back',
      'whole',
    ]);
    expect(events[1]).toMatchObject({ level: 'warn', lost: 3 });
  });
});
