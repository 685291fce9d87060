import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf, openPage, startBrowser } from '../support/browser.ts';
import { startProgram } from '../support/forked.ts';
import { addressOf } from '../support/process.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, sessionIdOf, writeAged } from '../support/tree.ts';
import { until } from '../support/wait.ts';

const HOSTILE = [
  '<script>document.title = "taken"</script>',
  '"><img src=x onerror=\'document.title = "taken"\'>',
  `<style>*{display:none}</style>${'w'.repeat(300)}`,
];
const OFTEN = ['prune', 'purge'].flatMap((job) => [`--schedule-${job}`, '* * * * * *']);
const PHONE = { width: 360, height: 780 };
const DESK = { width: 1_280, height: 900 };

function writeTitled(claudeDir: string, number: number, title: string, ageMs: number): void {
  const id = sessionIdOf(number);
  const at = new Date(Date.now() - ageMs);
  const said = { type: 'user', sessionId: id, cwd: `/srv/${title}`, timestamp: at.toISOString(), uuid: id };
  const lines = [
    { ...said, message: { role: 'user', content: 'hello' } },
    { type: 'custom-title', customTitle: title, sessionId: id },
  ];
  const project = title.replaceAll('/', '-').slice(0, 80);
  const path = join(claudeDir, `projects/-srv-${project}/${id}.jsonl`);
  writeAged(path, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`, at.getTime());
}

/** A daemon with sessions of such titles, whose prunes have ended. */
async function servedPage(...args: string[]): Promise<string> {
  const place = tempPlace();
  for (const [index, title] of HOSTILE.entries()) {
    writeTitled(place.claudeDir, index + 1, title, (20 + index) * DAY_MS);
    writeTitled(place.claudeDir, index + 11, `old ${title}`, 40 * DAY_MS);
  }
  const daemon = startProgram([
    ...place.flags,
    ...OFTEN,
    '--schedule-jitter',
    '1ms',
    '--listen',
    '127.0.0.1:0',
    ...args,
  ]);
  const address = await addressOf(daemon);
  await until('a prune and a purge', async () => {
    const text = await (await fetch(address)).text();
    return text.includes('What goes next') && text.includes('Not before') && text.includes('Time left');
  });
  return address;
}

describe('the status page in a real Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(async () => await browser?.close());

  it('shows what conversations are called as texts, runs nothing, and asks nobody else', async () => {
    const address = await servedPage();
    const page = await openPage(browser, 'about:blank', { viewport: DESK });
    const asked: string[] = [];
    const said: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    await page.goto(address);
    const text = await page.locator('main').textContent();
    for (const title of HOSTILE) expect(text).toContain(title);
    expect(await page.title()).toMatch(/ · claude-session-sweeper$/);
    expect(await page.locator('script, img, style').count()).toBe(0);
    expect(asked.every((url) => url.startsWith(`${address}/`))).toBe(true);
    expect(said).toEqual([]);
  });

  it('can be read by everybody: light and dark, on a telephone and a desk, without a script', async () => {
    const address = await servedPage();
    const grounds = new Set<unknown>();
    for (const viewport of [PHONE, DESK]) {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await openPage(browser, address, { viewport, colorScheme, javaScriptEnabled: false });
        await page.locator('details').first().locator('summary').click();
        expect(await auditOf(page), `${viewport.width} ${colorScheme}`).toEqual([]);
        grounds.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
        await page.context().close();
      }
    }
    expect(grounds.size).toBe(2);
  });

  it('is audited by what finds faults', async () => {
    const broken = `<body style="background:#fff"><h2>x</h2><p style="color:#aaa">pale</p><a href="#gone"></a><svg></svg>
      <table><tr><td>1</td></tr></table><div style="width:5000px">wide</div></body>`;
    const page = await openPage(browser, `data:text/html,${encodeURIComponent(broken)}`, { viewport: DESK });
    const faults = (await auditOf(page)).join('; ');
    for (const fault of ['contrast 2.32 of pale', 'no language', 'not one main', 'h2 after h0', 'a without a name'])
      expect(faults).toContain(fault);
    for (const fault of ['#gone leads nowhere', 'a plot without a name', 'a table without a caption', 'px wide'])
      expect(faults).toContain(fault);
  });

  it('is gone through by the keyboard alone, and shows where one is', async () => {
    const page = await openPage(browser, await servedPage(), { viewport: PHONE });
    const reached: string[] = [];
    const focused = `(() => { const at = document.activeElement; const box = at.getBoundingClientRect();
      const seen = box.left >= 0 && getComputedStyle(at).outlineStyle !== 'none';
      return at === document.body ? '' : (seen ? '' : 'unseen: ') + (at.getAttribute('href') ?? at.localName); })()`;
    for (let at = '-'; at !== '' && reached.length < 100; ) {
      await page.keyboard.press('Tab');
      at = String(await page.evaluate(focused));
      if (at !== '') reached.push(at);
      if (at === 'summary') await page.keyboard.press('Enter');
    }
    expect(reached[0]).toBe('#status');
    expect(reached).toEqual(expect.arrayContaining(['summary', 'div', '/metrics', '/healthz', '/readyz']));
    expect(reached.filter((at) => at.startsWith('unseen'))).toEqual([]);
    expect(await page.locator('details[open]').count()).toBe(1);
  });

  it('asks for the token where there is one, and shows no conversation where it is told not to', async () => {
    const address = await servedPageWithToken();
    const page = await openPage(browser, address, {
      httpCredentials: { username: 'anybody', password: 's3cret-s3cret-s3cret' },
    });
    const text = await page.locator('body').textContent();
    expect(text).toContain('What goes next');
    for (const title of HOSTILE) expect(text).not.toContain(title.slice(0, 20));
    expect((await fetch(address)).status).toBe(401);
  });
});

async function servedPageWithToken(): Promise<string> {
  const place = tempPlace();
  for (const [index, title] of HOSTILE.entries()) writeTitled(place.claudeDir, index + 1, title, (20 + index) * DAY_MS);
  const token = ['--http-token', 's3cret-s3cret-s3cret', '--http-details', 'never'];
  const daemon = startProgram([
    ...place.flags,
    ...OFTEN,
    '--schedule-jitter',
    '1ms',
    '--listen',
    '127.0.0.1:0',
    ...token,
  ]);
  const address = await addressOf(daemon);
  const headers = { authorization: 'Bearer s3cret-s3cret-s3cret' };
  await until('a prune', async () => (await (await fetch(address, { headers })).text()).includes('Not before'));
  return address;
}
