/** `history verify|export`: whether the audit is as it was written, and all of it for other programs. Looks only. */

import { once } from 'node:events';
import { OperatingError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount } from '../format/counts.ts';
import { shownValue } from '../format/shown-text.ts';
import type { AuditVerdict } from '../ledger/audit.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { CommandContext } from './command.ts';

const NOTHING: AuditVerdict = { isWhole: true, entries: 0, firstNumber: 1, head: undefined };

/** @param expected the hash of an entry that somebody has noted: a chain that was written anew holds it no more */
export async function verifyAudit(context: CommandContext, expected: string | undefined): Promise<number> {
  if (expected !== undefined && !/^[0-9a-f]{64}$/.test(expected)) {
    throw new OperatingError(
      'usage',
      `history verify: ${shownValue(expected)} is no hash of 64 digits, as verify and export show it`,
    );
  }
  const { io, json, resolved } = context;
  const ledger = Ledger.openForReading(resolved.config.stateDir);
  try {
    const verdict = ledger?.audit.verify() ?? NOTHING;
    const isExpectedThere = expected === undefined || (ledger?.audit.has(expected) ?? false);
    const isSound = verdict.isWhole && isExpectedThere;
    if (json) {
      const expectation = expected === undefined ? {} : { isExpectedThere };
      io.stdout.write(`${JSON.stringify({ ...verdict, ...expectation })}\n`);
    } else io.stdout.write(`${sentenceOn(verdict)}\n${isExpectedThere ? '' : `${NOT_THERE}\n`}`);
    return isSound ? EXIT_CODES.ok : EXIT_CODES['bad-data'];
  } finally {
    ledger?.close();
  }
}

const NOT_THERE =
  'The entry of the hash that was expected is not there: the audit was written anew since, or that entry is so old that it was forgotten.';

function sentenceOn(verdict: AuditVerdict): string {
  if (!verdict.isWhole) return `The audit is not as it was written: entry ${verdict.number}: ${verdict.why}.`;
  const { entries, firstNumber, head } = verdict;
  if (head === undefined) return 'Nothing is in the audit yet.';
  const forgotten = firstNumber === 1 ? '' : ` from number ${firstNumber} on; older ones were forgotten`;
  return `${formatCount(entries, 'entry', 'entries')}${forgotten}, each as it was written. The last has the hash\n${head}`;
}

/** @throws OperatingError where nobody reads any more, or the program is to end */
async function drained({ stdout, shutdown }: CommandContext['io']): Promise<void> {
  try {
    await once(stdout, 'drain', { signal: shutdown });
  } catch (error) {
    throw new OperatingError('io', 'history export: stopped before the end', { cause: error });
  }
}

export async function exportAudit({ io, resolved }: CommandContext): Promise<number> {
  const ledger = Ledger.openForReading(resolved.config.stateDir);
  try {
    for (const page of ledger?.audit.pages() ?? []) {
      const lines = page.map(({ atMs, ...entry }) => JSON.stringify({ ...entry, atMs, at: new Date(atMs) }));
      // Whoever reads slowly is waited for; whoever has gone is told by the exit code.
      if (!io.stdout.write(`${lines.join('\n')}\n`)) await drained(io);
    }
    return EXIT_CODES.ok;
  } finally {
    ledger?.close();
  }
}
