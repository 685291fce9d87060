/** What stands in the help beside the commands and their options. */

import { EXIT_CODE_MEANINGS, EXIT_CODES, type ExitKind } from '../exit-codes.ts';

export const HELP_END = `
Exit codes:
${Object.entries(EXIT_CODES)
  .map(([kind, code]) => `  ${String(code).padEnd(4)}${EXIT_CODE_MEANINGS[kind as ExitKind]}`)
  .join('\n')}

Settings can also stand in a file (--config, YAML or JSON) and in the environment
(--max-age is SWEEPER_MAX_AGE). A flag beats the environment, the environment the file.
`;

export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  claude-session-sweeper ${line}`).join('\n')}\n`;
}
