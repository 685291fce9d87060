import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BoundedLooks } from '../../src/files/bounded-looks.ts';
import { HostLook } from '../../src/runs/host-metrics.ts';
import { tempDir } from '../support/temp-dir.ts';

function placesIn(stateDir: string) {
  return { claudeDir: [stateDir], stateDir, 'sessions.db': join(stateDir, 'sessions.db'), 'sessions.store': [] };
}

async function shown(look: HostLook, config: Parameters<HostLook['figures']>[0]) {
  return Object.fromEntries((await look.figures(config)).map(({ name, label, value }) => [`${name} ${label}`, value]));
}

describe('what the metrics show of a host', () => {
  it('is what its databases take with their logs, and nothing of one that is not there', async () => {
    const stateDir = tempDir();
    writeFileSync(join(stateDir, 'ledger.db'), Buffer.alloc(100));
    writeFileSync(join(stateDir, 'ledger.db-wal'), Buffer.alloc(20));
    const figures = await shown(new HostLook(), placesIn(stateDir));
    expect(figures['database_bytes ledger']).toBe(120);
    expect(figures).not.toHaveProperty('database_bytes resume-map');
    expect(figures).not.toHaveProperty('database_bytes session-store');
  });

  it('is the sum of all session stores, or nothing where one of them cannot be looked at', async () => {
    const stateDir = tempDir();
    const stores = ['a.db', 'b.db'].map((name) => join(stateDir, name));
    writeFileSync(join(stateDir, 'a.db'), Buffer.alloc(30));
    const config = { ...placesIn(stateDir), 'sessions.store': stores };
    expect(await shown(new HostLook(), config)).not.toHaveProperty('database_bytes session-store');
    writeFileSync(join(stateDir, 'b.db'), Buffer.alloc(5));
    expect((await shown(new HostLook(), config))['database_bytes session-store']).toBe(35);
  });

  it('is the fullest of its Claude directories, whatever becomes of another that is away', async () => {
    const disks = new BoundedLooks(async (path) => {
      if (path === '/away') throw new Error('away');
      return { freeBytes: path === '/full' ? 1 : 900, sizeBytes: path === '/full' ? 10 : 1_000 };
    });
    const look = new HostLook({ databases: new BoundedLooks(async () => 0), disks });
    const config = { ...placesIn('/state'), claudeDir: ['/roomy', '/away', '/full'] };
    expect(await shown(look, config)).toMatchObject({
      'disk_free_bytes claude-dir': 1,
      'disk_size_bytes claude-dir': 10,
      'disk_free_bytes state-dir': 900,
    });
  });
});
