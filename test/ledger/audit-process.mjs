// Writes into the audit beside others: `node audit-process.mjs STATE_DIR NUMBER`.
import { Ledger } from '../../dist/ledger/ledger.js';

const [stateDir = '', name = ''] = process.argv.slice(2);
const ledger = Ledger.open(stateDir, { busyTimeoutMs: 60_000 }, { by: 'schedule', command: name });
for (let batch = 0; batch < 25; batch += 1) {
  const removals = Array.from({ length: 8 }, (_, index) => ({
    sessionId: `${name}${String(batch).padStart(7, '0')}-0000-4000-8000-${String(index).padStart(12, '0')}`,
    claudeDir: '/c',
    trashRun: 'r',
    project: undefined,
    reason: 'max-age',
    files: 1,
    bytes: 1,
    newestMtimeMs: 1,
    removedAtMs: Date.now(),
  }));
  ledger.recordRemovals(removals);
}
ledger.close();
