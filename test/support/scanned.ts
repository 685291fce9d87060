/** What a scan finds, as units. */

import type { ClaudeDir } from '../../src/transcripts/claude-dir.ts';
import { type ScanOptions, type ScanResult, scanHere } from '../../src/transcripts/scan/scan.ts';
import type { Unit } from '../../src/transcripts/unit.ts';

export interface Scanned extends Omit<ScanResult, 'units'> {
  readonly units: readonly Unit[];
}

export function scanned(claudeDir: ClaudeDir, options?: ScanOptions): Scanned {
  const { units, ...result } = scanHere(claudeDir, options);
  return { ...result, units: Array.from({ length: units.length }, (_, row) => units.unit(row)) };
}
