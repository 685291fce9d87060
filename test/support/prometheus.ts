/** A real Prometheus for one test, which asks it what it has. */

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { throwIfMissing } from './installed.ts';
import { start } from './process.ts';
import { tempDir } from './temp-dir.ts';
import { until } from './wait.ts';

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface Prometheus {
  query(expression: string): Promise<readonly Series[]>;
  /** The names of the alerts that fire, and their annotations. */
  firing(): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>>;
}

interface Alert {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Scrapes and evaluates each second.
 * @param scrape what a scrape config has beside its interval
 * @param ruleFiles paths
 */
export async function startPrometheus(scrape: object, ruleFiles: readonly string[] = []): Promise<Prometheus> {
  throwIfMissing('prometheus', 'prometheus');
  const directory = tempDir();
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ruleFiles,
    scrape_configs: [scrape],
  };
  // JSON is YAML.
  writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const prometheus = start('prometheus', [
    `--config.file=${directory}/prometheus.yml`,
    `--storage.tsdb.path=${directory}/data`,
    `--web.listen-address=${address}`,
  ]);
  onTestFinished(async () => {
    prometheus.kill('SIGKILL');
    await prometheus.exit;
  });
  const ask = async (path: string) => {
    const answer = (await (await fetch(`http://${address}/api/v1/${path}`)).json()) as {
      readonly status: string;
      readonly error?: string;
      readonly data: unknown;
    };
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  };
  await until('Prometheus to be ready', async () => {
    if (prometheus.ended() !== undefined) throw new Error(`prometheus ended: ${prometheus.log()}`);
    return fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    query: async (expression) => {
      const data = await ask(`query?query=${encodeURIComponent(expression)}`);
      return (data as { readonly result: readonly Series[] }).result;
    },
    firing: async () => {
      const { alerts } = (await ask('alerts')) as { readonly alerts: readonly Alert[] };
      const firing = alerts.filter(({ state }) => state === 'firing');
      return new Map(firing.map(({ labels, annotations }) => [labels.alertname ?? '', annotations]));
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
