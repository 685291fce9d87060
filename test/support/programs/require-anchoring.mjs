/** require-anchoring: tells the kind of the error, or `anchored`. */

import { requireAnchoring } from '../../../dist/files/anchoring.js';

try {
  requireAnchoring();
  process.stdout.write('anchored\n');
} catch (error) {
  process.stdout.write(`${error.kind}\n`);
}
