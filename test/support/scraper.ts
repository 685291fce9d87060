/** A scraper in a process of its own: what it measures is the server alone, however busy its caller is. */

import { type Forked, forked } from './process.ts';
import type { Scrapes } from './programs/http-scrape.ts';

export class Scraper {
  readonly process: Forked;

  /** @param intervalMs between two scrapes; a hundred unless it is said */
  constructor(address: string, intervalMs?: number) {
    const args = intervalMs === undefined ? [] : [String(intervalMs)];
    this.process = forked(new URL('./programs/http-scrape.js', import.meta.url), [new URL(address).port, ...args]);
  }

  /** What it has seen since it was asked the last time. */
  async take(): Promise<Scrapes> {
    this.process.send('take');
    return (await this.process.message()) as Scrapes;
  }
}
