import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { snapshot, trashedIn } from '../support/disk.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';

const SESSIONS = Array.from({ length: 40 }, (_, number) => sessionIdOf(number + 1));
const [OF_QUERY, OF_COMMAND, OF_SERVER] = [SESSIONS.slice(0, 10), SESSIONS.slice(10, 15), SESSIONS.slice(15, 20)];

/** A host whose dispatcher keeps its sessions in a table, a program and a server of its own. */
function host() {
  const place = tempPlace();
  for (const id of SESSIONS) makeSession(place.claudeDir, { id, ageMs: 40 * DAY_MS });
  const [db, program] = [join(place.directory, 'agents.db'), join(place.directory, 'live-sessions')];
  const database = new Database(db);
  database.exec('CREATE TABLE agents (id TEXT)');
  for (const id of OF_QUERY ?? []) database.prepare('INSERT INTO agents VALUES (?)').run(id);
  database.close();
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' ${OF_COMMAND?.join(' ')} 'end 5'\n`, { mode: 0o755 });
  const server = createServer((_, response) => response.end(JSON.stringify(OF_SERVER))).listen(0);
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const sources = [
    { kind: 'query', name: 'agents', db, sql: 'SELECT id FROM agents' },
    { kind: 'command', name: 'queue', argv: [program] },
    { kind: 'http', name: 'dispatcher', url: `http://127.0.0.1:${port}/live?key=hush` },
  ];
  const config = join(place.directory, 'config.yaml');
  writeFileSync(config, stringify({ sources }));
  return { place, db, run: () => place.run(['--config', config, '--run-now', '--json']) };
}

describe('The installed program', () => {
  it('keeps what a query, a command and a server name, and takes the rest', async () => {
    const { place, run } = host();
    const { code, stdout, stderr } = await run();
    expect(code, stderr).toBe(0);
    const gone = SESSIONS.slice(20).map((id) => `projects/-srv-app/${id}.jsonl`);
    expect([...trashedIn(snapshot(place.claudeDir)).keys()].toSorted()).toEqual(gone);
    const [, prune] = JSON.parse(stdout).jobs;
    expect(prune.sources).toMatchObject({
      agents: { isUp: true, ids: 10, onlyIts: 10 },
      queue: { isUp: true, ids: 5, onlyIts: 5 },
      dispatcher: { isUp: true, ids: 5, onlyIts: 5 },
    });
    expect(`${stdout}${stderr}`).not.toContain('hush');
  });

  it('takes nothing while one of them is broken, and says which', async () => {
    const { place, db, run } = host();
    writeFileSync(db, 'no database');
    const { code, stdout } = await run();
    expect(code).not.toBe(0);
    expect([...trashedIn(snapshot(place.claudeDir)).keys()]).toEqual([]);
    const [, prune] = JSON.parse(stdout).jobs;
    expect(prune).toMatchObject({ outcome: 'failed', sources: { agents: { isUp: false }, queue: { isUp: true } } });
    expect(prune.errors[0].message).toContain('agents.db');
  });
});
