import { describe, expect, it, onTestFinished } from 'vitest';
import { startHttpServer } from '../../../src/daemon/http.ts';
import { HttpAccess } from '../../../src/daemon/http-access.ts';
import { type Page, pageRoutes } from '../../../src/daemon/page/routes.ts';
import { silentLogger } from '../../../src/log.ts';
import { resolveConfig } from '../../support/resolved-config.ts';

async function serving(page: () => Promise<Page>): Promise<string> {
  const { config } = resolveConfig({ home: '/nonexistent', environment: {}, flags: { listen: '127.0.0.1:0' } });
  const server = await startHttpServer(
    { host: '127.0.0.1', port: 0 },
    pageRoutes(page),
    HttpAccess.read(config),
    silentLogger,
  );
  onTestFinished(() => server.close());
  return `http://127.0.0.1:${server.address.port}`;
}

describe('what the status page is served with', () => {
  it('lets nothing run, load, be sent or frame it', async () => {
    const { headers } = await fetch(await serving(async () => ({ status: 200, body: 'a page' })));
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy.split('; ').sort()).toEqual([
      "base-uri 'none'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "style-src 'self'",
    ]);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('cache-control')).toBe('private, no-cache');
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
  });

  it.each(['/', '/status.css'])('is not sent again where it has not changed: %s', async (path) => {
    const pages = ['a page', 'a page', 'a page', 'another'];
    const address = await serving(async () => ({ status: 200, body: pages.shift() ?? 'another' }));
    const etag = (await fetch(address + path)).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{20,}"$/);
    for (const known of [etag, `"x", W/${etag}`]) {
      const again = await fetch(address + path, { headers: { 'if-none-match': known } });
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
      expect(again.headers.get('content-security-policy')).not.toBeNull();
    }
    const changed = await fetch(address + path, { headers: { 'if-none-match': path === '/' ? etag : '"x"' } });
    expect([changed.status, (await changed.text()).length > 0]).toEqual([200, true]);
  });

  it('is never taken for unchanged where it cannot be shown', async () => {
    const address = await serving(async () => ({ status: 503, body: 'no page' }));
    expect((await fetch(address, { headers: { 'if-none-match': '*' } })).status).toBe(503);
  });
});
