/** One finding of doctor as people read it: what is the matter, and what to do about it. */

import type { Finding } from '../doctor/finding.ts';
import type { Colors } from './terminal.ts';

const LEVEL_WIDTH = 'problem'.length;

export function renderFinding({ check, level, message, advice }: Finding, colors: Colors): string {
  const paints = { ok: colors.green, notice: colors.yellow, problem: colors.red };
  const mark = paints[level](level) + ' '.repeat(LEVEL_WIDTH - level.length);
  const remedy = advice === undefined ? [] : [`${' '.repeat(LEVEL_WIDTH + 4)}→ ${advice}`];
  return [`  ${mark}  ${check}: ${message}`, ...remedy].join('\n');
}
