/** scan CLAUDE_DIR: writes what a scan finds, one JSON document. */

import { ClaudeDir } from '../../../dist/transcripts/claude-dir.js';
import { scanClaudeDir } from '../../../dist/transcripts/scan.js';

try {
  const { units, complete, faults } = scanClaudeDir(ClaudeDir.open(process.argv[2]));
  process.stdout.write(JSON.stringify({ units, complete, faults }));
} catch (error) {
  process.stdout.write(JSON.stringify({ error: error.kind ?? String(error) }));
}
