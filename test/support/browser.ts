/** A real Chromium for one test file, and what a page in it looks like to those who do not see it well, or at all. */

import { readFileSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { throwIfMissing } from './installed.ts';

const AUDIT = readFileSync(new URL('./programs/audit-page.js', import.meta.url), 'utf8');

/** Debian's own; it sandboxes nothing where its user is root. */
export async function startBrowser(): Promise<Browser> {
  throwIfMissing('chromium', 'chromium');
  return await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
}

export async function openPage(browser: Browser, url: string, options: BrowserContextOptions): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  await page.goto(url);
  return page;
}

/** @returns one sentence for each thing that is wrong: contrast, landmarks, headings, names, tables, what does not fit the width */
export async function auditOf(page: Page): Promise<readonly string[]> {
  return (await page.evaluate(AUDIT)) as readonly string[];
}
