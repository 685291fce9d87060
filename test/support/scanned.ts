/** What a scan finds, as units. */

import type { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import type { Unit } from '../../src/claude-dir/unit.ts';
import { type ScanOptions, type ScanResult, scanHere } from '../../src/scan/scan.ts';

export interface Scanned extends Omit<ScanResult, 'units'> {
  readonly units: readonly Unit[];
}

export function scanned(claudeDir: ClaudeDir, options?: Omit<ScanOptions, 'shouldStop'>): Scanned {
  return unitsOf(scanHere(claudeDir, options));
}

export function unitsOf({ units, ...result }: ScanResult): Scanned {
  return { ...result, units: Array.from({ length: units.length }, (_, row) => units.unit(row)) };
}
