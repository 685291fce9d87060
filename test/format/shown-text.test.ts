import { describe, expect, it } from 'vitest';
import { escapeControls, redacted, shownText, shownValue } from '../../src/format/shown-text.ts';

describe('a secret', () => {
  it.each([
    ['postgres://bot:hunter2@db:5432/x', 'postgres://bot:***@db:5432/x'],
    ['postgres://bot:hun@ter/2@db/x', 'postgres://bot:***@db/x'],
    ['postgres://:hunter2@db', 'postgres://:***@db'],
    ['-srv-bot:hunter2@db', '-srv-bot:***@db'],
    ['host=db password=hunter2 user=bot', 'host=db password=*** user=bot'],
    ['PGPASSWORD=hunter2 DB_SECRET=hunter2', 'PGPASSWORD=*** DB_SECRET=***'],
    ['postgres://db/x?user=bot&password=hunter2&ssl=1', 'postgres://db/x?user=bot&password=***&ssl=1'],
    ['-srv-sk-ant-api03-hunter2x-project', '-srv-sk-ant-***'],
    ['https://bot:hunter2@host/live', 'https://***@host/live'],
    ['get http://hunter2@host/live: 404', 'get http://***@host/live: 404'],
    ['https://host/live?key=hunter2&x=1 failed', 'https://host/live?*** failed'],
    ['ghp_hunter2hunter2', 'ghp_***'],
  ])('in %j gives way to asterisks', (text, shown) => {
    expect(redacted(text)).toBe(shown);
  });

  it.each([
    '/srv/bot/.claude/projects/-srv-app',
    'read projects/a, projects/b: EACCES',
    'http://127.0.0.1:9842/metrics',
    'ada@example.com',
    '2026-01-31T04:17:21.000Z',
    'forgejo:architect:acme/my_app:12',
    '-srv-task-forecasting-ghost-project',
  ])('is not seen in %j', (text) => {
    expect(redacted(text)).toBe(text);
  });

  it('leaves a line of JSON one', () => {
    const fields = { level: 30, key: 'postgres://bot:hunter2@db', list: ['password=hunter2', 'a:b@c'], at: '@' };
    const line = redacted(JSON.stringify(fields));
    expect(line).not.toContain('hunter2');
    expect(JSON.parse(line)).toEqual({ ...fields, key: 'postgres://bot:***@db', list: ['password=***', 'a:***@c'] });
  });
});

describe('shown text', () => {
  it('is one line without control characters', () => {
    const raw = 'a\nb\r\t\u0000\u001b[31m\u007f\u009b\u2028\u202e';
    expect(escapeControls(raw)).toBe('a\\u000ab\\u000d\\u0009\\u0000\\u001b[31m\\u007f\\u009b\\u2028\\u202e');
  });

  it('is not endless, and keeps its end, where the reason stands', () => {
    const shown = shownText(`${'x'.repeat(100_000)}: no such file`);
    expect(shown.length).toBeLessThan(5_000);
    expect(shown).toMatch(/^x.*…x.*: no such file$/);
  });

  it('quotes a value and cuts it', () => {
    expect(shownValue(' 5 ')).toBe('" 5 "');
    expect(shownValue(undefined)).toBe('undefined');
    expect(shownValue('x'.repeat(10_000)).length).toBeLessThan(250);
  });
});
