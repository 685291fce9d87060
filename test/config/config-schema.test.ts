import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../../src/config/config-schema.ts';
import { SETTING_PATHS } from '../../src/config/settings.ts';
import { ConfigError } from '../../src/errors.ts';
import { resolveConfig } from '../support/resolved-config.ts';

const allows = new Ajv({ allErrors: true }).compile(configSchema());

function isTaken(text: string): boolean {
  try {
    resolveConfig({ home: '/home/ada', environment: {}, flags: {}, file: { path: '/etc/sweeper.yaml', text } });
    return true;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return false;
  }
}

describe('The schema of the configuration', () => {
  it('has every setting, at its place in the file and with its meaning', () => {
    for (const path of SETTING_PATHS) {
      const found = path
        .split('.')
        .reduce<unknown>(
          (group, key) => (group as { properties: Record<string, unknown> }).properties[key],
          configSchema(),
        );
      expect(found).toMatchObject({ description: expect.stringContaining('default: ') });
    }
  });

  it.each([
    'claudeDir: [/srv/bot/.claude, ~/x]\n',
    'claudeDir: /srv/a:~/b\nstateDir: ~/state\n',
    'maxAge: 60d\nmaxTotalBytes: 50GiB\nminFree: off\n',
    'maxAge: never\nminAge: 90m\nkeepLast: 3\nkeepNamed: true\n',
    'keepLast: "3"\nkeepNamed: "false"\nmassPortion: 5%\nshield: all\n',
    'projects:\n  - match: "-srv-*"\n    maxAge: never\n  - match: "-tmp-*"\n    keepLast: 2\n',
    'sources:\n  - {kind: resume-map, name: b, db: ~/b.db}\n  - kind: keep-list\n    name: vips-2\n    path: /srv/v\n    required: false\n    lasting: "true"\n',
    'sources: [{kind: json-map, name: bot, path: /srv/bot.json, field: sid}]\n',
    'sources: [{kind: process-records, name: p, claudeDir: ~/other/.claude}]\n',
    'sources: [{kind: query, name: q, db: /srv/q.db, sql: "SELECT id\\nFROM x", timeout: 5s}]\n',
    'sources: [{kind: command, name: c, argv: [/usr/bin/x, "-a b"]}, {kind: http, name: h, url: "https://h/?a=b", tokenFile: ~/t}]\n',
    'classes:\n  sdk:\n    maxAge: 7d\n  desktop:\n    maxAge: never\n',
    'trash:\n  keep: 14d\n  keepAtLeast: 1ms\nschedule:\n  prune: "17 4 * * *"\n  timeZone: Europe/Berlin\n  jitter: 5m\n',
    'sessions:\n  db: /srv/bot/bot.db\n  onlyThisHost: true\n  store: [/srv/a.db]\n  defaultForge: github\n',
    'listen: "[::1]:9842"\nlogLevel: debug\nrunDeadline: 3h\n',
    'listen: off\n',
    'http:\n  token: 0123456789abcdef\n  tls: {cert: /a.pem, key: ~/a.key}\n  hosts: [a.example, b]\n',
    'http: {token: off, tokenFile: off, tls: off, hosts: "a,b.example"}\n',
    'http: {tokenFile: ~/token}\n',
    'listen: 0.0.0.0:1\nmaxTotalBytes: 1kB\n',
  ])('allows what the program takes: %j', (text) => {
    expect(isTaken(text)).toBe(true);
    expect(allows(parse(text)), JSON.stringify(allows.errors)).toBe(true);
  });

  it.each([
    'maxage: 60d\n',
    'trash:\n  kept: 7d\n',
    'trash: 7d\n',
    'maxAge: 60\n',
    'maxAge: 0d\n',
    'maxAge: 30 dogs\n',
    'minAge: never\n',
    'maxTotalBytes: 50\n',
    'maxTotalBytes: 5 GiB\n',
    'keepLast: -1\n',
    'keepLast: 1.5\n',
    'keepNamed: 1\n',
    'massPortion: 0%\n',
    'massPortion: 0.25\n',
    'shield: everyone\n',
    'projects: [{maxAge: 7d}]\n',
    'projects: [{match: "-srv-*", maxAge: soon}]\n',
    'projects: [{match: "-srv-*", age: 7d}]\n',
    'sources: {kind: json-map, name: bot, path: /srv/bot.json}\n',
    'sources: [{name: bot, path: /srv/bot.json}]\n',
    'sources: [{kind: process-records, name: p}]\n',
    'sources: [{kind: query, name: q, db: /srv/q.db}]\n',
    'sources: [{kind: command, name: c, argv: ls}]\n',
    'sources: [{kind: command, name: c, argv: []}]\n',
    'sources: [{kind: http, name: h, url: ftp://h/}]\n',
    'sources: [{kind: http, name: h, url: http://h/, timeout: soon}]\n',
    'sources: [{kind: oracle, name: bot}]\n',
    'sources: [{kind: json-map, path: /srv/bot.json}]\n',
    'sources: [{kind: json-map, name: Bot, path: /srv/bot.json}]\n',
    'sources: [{kind: json-map, name: "a b", path: /srv/bot.json}]\n',
    'sources: [{kind: json-map, name: bot, path: bot.json}]\n',
    'sources: [{kind: json-map, name: bot, path: /srv/bot.json, db: /srv/b.db}]\n',
    'sources: [{kind: resume-map, name: bot, db: /srv/b.db, required: perhaps}]\n',
    'classes: {robots: {maxAge: 7d}}\n',
    'classes: {sdk: 7d}\n',
    'claudeDir: []\n',
    'claudeDir: [relative]\n',
    'stateDir: /srv/../etc\n',
    'sessions: {db: postgres://db/x}\n',
    'listen: 9842\n',
    'listen: localhost\n',
    'http: {token: short}\n',
    'http: {tokenFile: token}\n',
    'http: {tls: {cert: /a.pem}}\n',
    'http: {tls: true}\n',
    'http: {hosts: []}\n',
    'http: {hosts: ["a:80"]}\n',
    'logLevel: loud\n',
    '- maxAge: 7d\n',
  ])('refuses what the program refuses: %j', (text) => {
    expect(isTaken(text)).toBe(false);
    expect(allows(parse(text))).toBe(false);
  });
});
