/** What Claude says of its own clean-up by OpenTelemetry: the real client sends it, and the collector of deploy/prometheus counts by it. */

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { REPOSITORY } from '../support/process.ts';
import { startReceiver } from '../support/receiver.ts';
import { DAY_MS, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { Gate, stall, text } from './replies.ts';
import { openWorld } from './world.ts';

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

interface LogBody {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly { readonly logRecords: readonly { readonly attributes: readonly Attribute[] }[] }[];
  }[];
}

function recordsIn(body: string): readonly (readonly Attribute[])[] {
  const { resourceLogs } = JSON.parse(body) as LogBody;
  return resourceLogs.flatMap(({ scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) => logRecords.map(({ attributes }) => attributes)),
  );
}

/** The condition of the collector as it stands there, for attributes that are texts. */
function isCounted(attributes: readonly Attribute[]): boolean {
  const file = readFileSync(join(REPOSITORY, 'deploy/prometheus/otel-collector.yml'), 'utf8');
  const { connectors } = parse(file) as {
    readonly connectors: {
      readonly count: { readonly logs: Record<string, { readonly conditions: readonly string[] }> };
    };
  };
  const [condition = ''] = Object.values(connectors.count.logs).flatMap(({ conditions }) => conditions);
  const textOf = (key: string) => attributes.find((one) => one.key === key)?.value.stringValue;
  return condition.split(' and ').every((part) => {
    const [, key = '', operator, value = ''] = /^attributes\["([\w.]+)"\] (==|!=) (nil|"\w+")$/.exec(part) ?? [];
    const isSame = textOf(key) === (value === 'nil' ? undefined : JSON.parse(value));
    return operator === '==' ? isSame : operator === '!=' && !isSame;
  });
}

describe("Claude's event of its own clean-up", () => {
  it.each([
    { what: 'is counted where it has deleted a transcript', ageMs: 40 * DAY_MS, counted: 1 },
    { what: 'is not where it has deleted none', ageMs: DAY_MS, counted: 0 },
  ])('$what', async ({ ageMs, counted }) => {
    const { url, received } = await startReceiver();
    const world = await openWorld();
    try {
      const { claude, api } = world;
      const { configDir, projectDir } = claude;
      rmSync(join(configDir, 'settings.json'));
      writeAged(join(configDir, '.claude.json'), JSON.stringify({ projects: { [projectDir]: {} } }), Date.now());
      const id = sessionIdOf(1);
      const line = { type: 'user', message: { role: 'user', content: 'hi' }, uuid: id, sessionId: id };
      makeSession(configDir, { id, ageMs, content: `${JSON.stringify(line)}\n` });
      const gate = new Gate();
      api.script('clean up', stall(gate, text('Cleaned up.')));
      const telemetry = [
        'CLAUDE_CODE_ENABLE_TELEMETRY=1',
        'OTEL_LOGS_EXPORTER=otlp',
        'OTEL_EXPORTER_OTLP_PROTOCOL=http/json',
        `OTEL_EXPORTER_OTLP_ENDPOINT=${url}`,
        'OTEL_LOGS_EXPORT_INTERVAL=100',
      ];
      const running = claude.startCliIn({ within: ['env', ...telemetry] }, 'clean up');
      const sweeps = () =>
        received
          .flatMap(({ body }) => recordsIn(body))
          .filter((record) => record.some(({ value }) => value.stringValue === 'retention_sweep'));
      await until('the event', () => sweeps().length > 0);
      gate.open();
      await running.finished;
      expect(sweeps().filter(isCounted)).toHaveLength(counted);
    } finally {
      await world.close();
    }
  });
});
