/** scan CLAUDE_DIR: writes what a scan finds, one JSON document. */

import { ClaudeDir } from '../../../dist/claude-dir/claude-dir.js';
import { scanHere } from '../../../dist/scan/scan.js';

try {
  const { units: table, complete, faults } = scanHere(ClaudeDir.open(process.argv[2]));
  const units = Array.from({ length: table.length }, (_, row) => table.unit(row));
  process.stdout.write(JSON.stringify({ units, complete, faults }));
} catch (error) {
  process.stdout.write(JSON.stringify({ error: error.kind ?? String(error) }));
}
