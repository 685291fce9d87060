import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerCertificate } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { PostgresSessionStore } from '../../src/library/postgres.ts';
import { driverTls } from '../../src/postgres/driver.ts';
import { parsePostgresUrl, postgresUrlFaults } from '../../src/postgres/postgres-url.ts';
import { tempDir } from '../support/temp-dir.ts';

const SECRET = 's3cr:t@/';

describe('a PostgreSQL URL', () => {
  it.each([
    [
      'postgres://bot@db.example:6432/claude',
      { host: 'db.example', port: 6432, user: 'bot', database: 'claude', password: '' },
    ],
    ['postgresql://bot:p%40ss@db/claude', { host: 'db', port: 5432, password: 'p@ss' }],
    ['postgres://bot@[::1]:6432/claude', { host: '::1', port: 6432 }],
    ['postgres://bot@db', { database: 'bot' }],
    ['postgres://bot@/claude?host=/run/postgresql&port=6432', { host: '/run/postgresql', port: 6432, tls: false }],
    ['postgres://%2Frun%2Fpostgresql/claude?user=bot', { host: '/run/postgresql', user: 'bot', tls: false }],
    ['postgres://bot@db/claude?search_path=a,b&channel_binding=require', { startParameters: { search_path: 'a,b' } }],
  ])('is read as libpq reads it: %s', (url, parts) => {
    expect(parsePostgresUrl(url)).toMatchObject(parts);
  });

  it('asks for TLS as libpq does', () => {
    const root = join(tempDir(), 'root.crt');
    writeFileSync(root, 'a certificate');
    const tls = (parameters: string) => parsePostgresUrl(`postgres://bot@db/claude?${parameters}`).tls;
    expect([tls(''), tls('sslmode=disable'), tls('sslmode=require')]).toEqual(['prefer', false, 'require']);
    expect(tls('sslmode=verify-full')).toEqual({ isVerified: true, isNameChecked: true });
    const trusted = { isVerified: true, ca: 'a certificate' };
    expect(tls(`sslmode=verify-full&sslrootcert=${root}`)).toEqual({ ...trusted, isNameChecked: true });
    expect(tls(`sslmode=verify-ca&sslrootcert=${root}`)).toEqual({ ...trusted, isNameChecked: false });
    expect(tls(`sslmode=require&sslrootcert=${root}`)).toEqual({ ...trusted, isNameChecked: false });
    expect(tls('sslmode=require&sslrootcert=system')).toEqual({ isVerified: true, isNameChecked: true });
  });

  it.each([
    ['localhost', 'verify-full', true],
    ['db.example', 'verify-full', false],
    ['127.0.0.1', 'verify-full', false],
    ['127.0.0.1', 'verify-ca', true],
  ])('takes a certificate of localhost for one of %s with %s: %s', (host, mode, isTaken) => {
    const tls = driverTls(parsePostgresUrl(`postgres://bot@${host}/claude?sslmode=${mode}`));
    const certificate = { subject: { CN: 'localhost' }, subjectaltname: 'DNS:localhost' } as PeerCertificate;
    const fault = typeof tls === 'object' ? tls.checkServerIdentity('localhost', certificate) : undefined;
    expect([typeof tls, fault === undefined]).toEqual(['object', isTaken]);
  });

  it.each([
    '',
    'claude',
    'http://bot@db/claude',
    'postgres://',
    'postgres://db/claude',
    `postgres://bot:${encodeURIComponent(SECRET)}@db/claude?sslmode=on`,
    `postgres://bot:${encodeURIComponent(SECRET)}@a,b/claude`,
    'postgres://bot:%zz@db/claude',
    'postgres://bot@db:0/claude',
  ])('is refused where it is none, before anything is opened: %s', (url) => {
    expect(postgresUrlFaults(url)).not.toEqual([]);
    expect(() => new PostgresSessionStore(url)).toThrow(expect.objectContaining({ kind: 'config' }));
  });

  it('shows its password nowhere: not in faults, not in a name', () => {
    const url = (rest: string) => `postgres://bot:${encodeURIComponent(SECRET)}@db${rest}`;
    const shown = [
      ...postgresUrlFaults(url('/claude?sslmode=on')),
      ...postgresUrlFaults(url(':99999/claude')),
      parsePostgresUrl(url('/claude')).displayName,
      parsePostgresUrl(`postgres://bot@db/claude?password=${SECRET}`).displayName,
    ].join('\n');
    expect(shown).toContain('postgres://bot@db:5432/claude');
    expect(shown).not.toMatch(/s3cr/);
  });
});
