import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import type { SourceSettings } from '../../../src/config/source-settings.ts';
import { OperatingError } from '../../../src/errors.ts';
import { configuredSources } from '../../../src/live-sources/configured/configured-sources.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { KINDS } from './kinds.ts';

const queryScript = new URL('../../../dist/live-sources/configured/query-main.js', import.meta.url);
const FEW = [sessionIdOf(1)];
/** More than one call writes. */
const MANY = Array.from({ length: 5_000 }, (_, number) => sessionIdOf(number + 10));
const READINGS = 20;
/** Each takes a process. */
const QUERIES = 6;

/** A process that goes on until the test has ended. */
function inTheMeantime(script: string): void {
  const child = spawn('sh', ['-c', `while :; do ${script}; done`], { stdio: 'ignore', detached: true });
  onTestFinished(() => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  });
}

/** Files of the source as they are while it names these. */
function versionsOf(kind: string, directory: string, file: string) {
  const workshop = KINDS[kind]?.make(directory);
  if (workshop === undefined) throw new Error(kind);
  const versions = [FEW, MANY].map((ids, index) => {
    workshop.name(ids);
    copyFileSync(join(directory, file), join(directory, `version-${index}`));
    return join(directory, `version-${index}`);
  });
  return { settings: workshop.settings, versions, path: join(directory, file) };
}

async function readings(settings: SourceSettings): Promise<ReadonlySet<string>> {
  const [source] = configuredSources([settings], new SetClock(NOW), { queryScript }).asked;
  const seen = new Set<string>();
  for (let count = 0; count < (settings.kind === 'query' ? QUERIES : READINGS); count += 1) {
    try {
      seen.add(nameOf((await source?.read())?.ids ?? new Set()));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      seen.add('an error');
    }
    await turn();
  }
  return seen;
}

function nameOf(ids: ReadonlySet<SessionId>): string {
  if (ids.size === FEW.length && FEW.every((id) => ids.has(id))) return 'few';
  return ids.size === MANY.length && MANY.every((id) => ids.has(id)) ? 'many' : `a part: ${ids.size}`;
}

describe('a source that is written again and again while it is read', () => {
  it.each([
    ['keep-list, a file', 'vips.txt'],
    ['json-map', 'sessions.json'],
    ['query', 'agents.db'],
  ])('is whole at each reading, or an error, where %s is replaced', async (kind, file) => {
    const { settings, versions, path } = versionsOf(kind, tempDir(), file);
    inTheMeantime(versions.map((version) => `cp ${version} ${path}.new && mv ${path}.new ${path}`).join('; '));
    for (const seen of await readings(settings)) expect(['few', 'many', 'an error']).toContain(seen);
  });

  it.each([
    ['keep-list, a file', 'vips.txt'],
    ['json-map', 'sessions.json'],
  ])('is whole at each reading, or an error, where %s is written in place', async (kind, file) => {
    const { settings, versions, path } = versionsOf(kind, tempDir(), file);
    inTheMeantime(versions.map((version) => `dd if=${version} of=${path} bs=4096`).join('; '));
    for (const seen of await readings(settings)) expect(['few', 'many', 'an error']).toContain(seen);
  });
});
