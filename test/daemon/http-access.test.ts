import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { get as getSecurely } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectSecurely, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startHttpServer } from '../../src/daemon/http.ts';
import { HttpAccess, type ServingSettings } from '../../src/daemon/http-access.ts';
import { HttpAddress } from '../../src/daemon/http-address.ts';
import { daemonRoutes } from '../../src/daemon/http-routes.ts';
import { silentLogger } from '../../src/log.ts';
import { makeCertificate } from '../support/certificate.ts';
import { tempDir } from '../support/temp-dir.ts';

const TOKEN = 's3cret-s3cret-s3cret';
const FAULT = '/srv/bot/db: not there';

function settingsWith(given: Partial<ServingSettings> = {}): ServingSettings {
  return {
    listen: { host: '127.0.0.1', port: 0 },
    'http.token': 'off',
    'http.tokenFile': 'off',
    'http.tls': 'off',
    'http.hosts': [],
    ...given,
  };
}

function addressUnderTest(log = silentLogger): HttpAddress {
  const routes = daemonRoutes({
    contentType: 'text/plain',
    metrics: async () => 'up 1\n',
    readiness: async () => [{ name: 'ledger', fault: FAULT }],
    page: async () => ({ status: 200, body: 'a page' }),
    monotonicNow: () => performance.now(),
  });
  const address = new HttpAddress((listen, access) => startHttpServer(listen, routes, access, silentLogger), log);
  onTestFinished(() => address.close());
  return address;
}

async function serving(given: Partial<ServingSettings> = {}): Promise<string> {
  const address = addressUnderTest();
  await address.moveTo(settingsWith(given));
  return `${address.shown}`.replace('0.0.0.0', '127.0.0.1');
}

/** `fetch` says by itself whom it calls. */
async function statusUnderName(address: string, host: string): Promise<string | undefined> {
  const [name = '', port] = address.split(':');
  const socket = connect(Number(port), name);
  onTestFinished(() => void socket.destroy());
  socket.write(`GET /metrics HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return /^HTTP\/1\.1 (\d{3})/.exec(answer.toString('latin1'))?.[1];
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

async function statusWith(address: string, authorization?: string, path = '/metrics'): Promise<number> {
  const headers = authorization === undefined ? {} : { authorization };
  return (await fetch(`http://${address}${path}`, { headers })).status;
}

/** Whose certificate is shown. */
async function subjectAt(address: string): Promise<string> {
  const [host, port] = address.split(':');
  const socket: TLSSocket = connectSecurely({ host, port: Number(port), rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return String(socket.getPeerCertificate().subject.CN);
}

describe('the name by which a client calls', () => {
  it.each(['localhost', 'LOCALHOST:9842', '127.0.0.1', '127.0.0.1:1', '[::1]:9842', '192.0.2.7:80'])(
    'is answered on the loopback: %s',
    async (host) => expect(await statusUnderName(await serving(), host)).toBe('200'),
  );

  it.each([
    'evil.example',
    'evil.example:9842',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil@localhost',
    '',
  ])('is refused on the loopback, where a page of another site may have led it: %j', async (host) =>
    expect(await statusUnderName(await serving(), host)).toBe('421'),
  );

  it('may be one that was set, and off the loopback any, until one is set', async () => {
    expect(await statusUnderName(await serving({ 'http.hosts': ['bot.example'] }), 'Bot.example:1')).toBe('200');
    const listen = { host: '0.0.0.0', port: 0 };
    expect(await statusUnderName(await serving({ listen }), 'any.example')).toBe('200');
    const named = await serving({ listen, 'http.hosts': ['bot.example'] });
    expect(await statusUnderName(named, 'any.example')).toBe('421');
    expect(await statusUnderName(named, 'bot.example')).toBe('200');
    expect(await statusUnderName(named, '10.1.2.3:9842')).toBe('200');
  });
});

describe('the token', () => {
  it('is asked of whoever reads, as a bearer or the password of any user', async () => {
    const address = await serving({ 'http.token': TOKEN });
    for (const right of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, basic(`:${TOKEN}`), basic(`ada:${TOKEN}`)])
      expect(await statusWith(address, right), right).toBe(200);
    for (const wrong of [undefined, '', 'Bearer', `Bearer ${TOKEN}x`, `Bearer x${TOKEN}`, TOKEN, `Token ${TOKEN}`])
      expect(await statusWith(address, wrong), wrong).toBe(401);
    for (const wrong of [basic(TOKEN), basic(`${TOKEN}:`), basic(`ada:${TOKEN}:`), 'Basic ====', `Bearer ${TOKEN} x`])
      expect(await statusWith(address, wrong), wrong).toBe(401);
    expect(await statusWith(address, undefined, '/')).toBe(401);
  });

  it('has a browser ask for it', async () => {
    const answer = await fetch(`http://${await serving({ 'http.token': TOKEN })}/metrics`);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm=.*, Bearer realm=/);
    expect(await answer.text()).toBe('{"error":"unauthorized"}');
  });

  it('is not asked of probes, which learn no more than they need', async () => {
    const address = await serving({ 'http.token': TOKEN });
    expect(await statusWith(address, undefined, '/healthz')).toBe(200);
    const open = await fetch(`http://${address}/readyz`);
    expect([open.status, await open.json()]).toEqual([
      503,
      { status: 'not ready', checks: [{ name: 'ledger', ok: false }] },
    ]);
    const told = await fetch(`http://${address}/readyz`, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(await told.text()).toContain(FAULT);
  });

  it('may stand in a file, which is read anew when it is asked to', async () => {
    const tokenFile = join(tempDir(), 'token');
    writeFileSync(tokenFile, `${TOKEN}\n`);
    const address = addressUnderTest();
    await address.moveTo(settingsWith({ 'http.tokenFile': tokenFile }));
    const shown = String(address.shown);
    expect(await statusWith(shown, `Bearer ${TOKEN}`)).toBe(200);
    writeFileSync(tokenFile, 'another-s3cret-another\n');
    expect(await statusWith(shown, `Bearer ${TOKEN}`)).toBe(200);
    await address.moveTo(settingsWith({ 'http.tokenFile': tokenFile }));
    expect(await statusWith(shown, `Bearer ${TOKEN}`)).toBe(401);
    expect(await statusWith(shown, 'Bearer another-s3cret-another')).toBe(200);
    expect(address.shown).toBe(shown);
  });

  it('stays as it was where its file is empty, short or gone', async () => {
    const tokenFile = join(tempDir(), 'token');
    writeFileSync(tokenFile, TOKEN);
    const address = addressUnderTest();
    await address.moveTo(settingsWith({ 'http.tokenFile': tokenFile }));
    for (const [text, fault] of [
      ['\n', 'it holds no token'],
      ['short\n', 'less than 16 characters'],
    ] as const) {
      writeFileSync(tokenFile, text);
      await expect(address.moveTo(settingsWith({ 'http.tokenFile': tokenFile }))).rejects.toThrow(fault);
    }
    const gone = settingsWith({ 'http.tokenFile': `${tokenFile}.gone` });
    await expect(address.moveTo(gone)).rejects.toThrow('there is no such file');
    expect(await statusWith(String(address.shown))).toBe(401);
    expect(await statusWith(String(address.shown), `Bearer ${TOKEN}`)).toBe(200);
  });
});

describe('the certificate', () => {
  it('is served by, and renewed without a connection being refused or a port being another', async () => {
    const directory = tempDir();
    const first = makeCertificate(directory, 'first');
    const second = makeCertificate(directory, 'second');
    const address = addressUnderTest();
    await address.moveTo(settingsWith({ 'http.tls': first }));
    const shown = String(address.shown);
    const [status] = await new Promise<[number | undefined]>((resolve, reject) => {
      const ca = readFileSync(first.cert);
      getSecurely(`https://${shown}/metrics`, { ca, agent: false }, (answer) => {
        answer.resume();
        resolve([answer.statusCode]);
      }).on('error', reject);
    });
    expect(status).toBe(200);
    for (const part of ['cert', 'key'] as const) writeFileSync(first[part], readFileSync(second[part]));
    expect(await subjectAt(shown)).toBe('first');
    await address.moveTo(settingsWith({ 'http.tls': first }));
    expect(await subjectAt(shown)).toBe('second');
    expect(address.shown).toBe(shown);
  });

  it('stays as it was where the new one has another key, or is none', async () => {
    const directory = tempDir();
    const files = makeCertificate(directory, 'first');
    const { key } = makeCertificate(directory, 'second');
    const address = addressUnderTest();
    await address.moveTo(settingsWith({ 'http.tls': files }));
    await expect(address.moveTo(settingsWith({ 'http.tls': { ...files, key } }))).rejects.toThrow(
      `read ${key}: it does not fit`,
    );
    writeFileSync(files.cert, 'no certificate');
    await expect(address.moveTo(settingsWith({ 'http.tls': files }))).rejects.toThrow(
      `read ${files.cert}: it does not fit`,
    );
    expect(await subjectAt(String(address.shown))).toBe('first');
  });

  it('comes to an address that was served without one, and goes from it', async () => {
    const files = makeCertificate(tempDir(), 'first');
    const address = addressUnderTest();
    await address.moveTo(settingsWith());
    const listen = { host: '127.0.0.1', port: Number(address.shown?.split(':')[1]) };
    await address.moveTo(settingsWith({ listen }));
    await address.moveTo(settingsWith({ listen, 'http.tls': files }));
    expect(await subjectAt(String(address.shown))).toBe('first');
    await address.moveTo(settingsWith({ listen }));
    expect(await statusWith(String(address.shown))).toBe(200);
  });

  it('keeps no close waiting for a client that agrees on no keys', async () => {
    const address = addressUnderTest();
    await address.moveTo(settingsWith({ 'http.tls': makeCertificate(tempDir(), 'first') }));
    const [host, port] = String(address.shown).split(':');
    const silent = connect(Number(port), String(host));
    onTestFinished(() => void silent.destroy());
    await once(silent, 'connect');
    const cut = once(silent.resume(), 'close');
    // It is taken on in the order of the connections.
    expect(await subjectAt(String(address.shown))).toBe('first');
    await Promise.all([address.close(), cut]);
  });
});

describe('a start off the loopback', () => {
  async function linesOf(given: Partial<ServingSettings>): Promise<string[]> {
    const lines: string[] = [];
    const note = (_fields: object, message: string) => void lines.push(message);
    const log = { ...silentLogger, info: note, warn: note };
    await addressUnderTest(log).moveTo(settingsWith(given));
    return lines;
  }
  const listen = { host: '0.0.0.0', port: 0 };

  it('is said aloud where neither a token nor a certificate is set', async () => {
    expect(await linesOf({ listen })).toEqual([expect.stringContaining('whoever reaches this address can read it')]);
  });

  it('is nothing to tell of with either, nor on the loopback', async () => {
    expect(await linesOf({ listen, 'http.token': TOKEN })).toEqual([]);
    expect(await linesOf({})).toEqual([]);
    const [line, ...rest] = await linesOf({ listen, 'http.tls': makeCertificate(tempDir(), 'first') });
    expect(rest).toEqual([]);
    expect(line).toContain('HTTPS is served by this certificate');
  });

  it('compares what it is given with nothing that is longer or shorter', () => {
    const access = HttpAccess.read(settingsWith({ 'http.token': TOKEN }));
    for (const length of [0, 1, 31, 32, 33, 8_000])
      expect(access.mayRead({ headers: { authorization: `Bearer ${'x'.repeat(length)}` } })).toBe(false);
  });
});
