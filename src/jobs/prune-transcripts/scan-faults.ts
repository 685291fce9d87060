/** What could not be read, told many of a kind as one: a broken tree must not flood the log. */

import type { ReadFault } from '../../claude-dir/measure.ts';
import { displayName } from '../../files/byte-name.ts';
import type { JobFault } from '../report.ts';

const EXAMPLES_MAX = 3;

export function scanFaults(faults: readonly ReadFault[]): JobFault[] {
  const faultsByCode = new Map<string, ReadFault[]>();
  for (const fault of faults) {
    const ofCode = faultsByCode.get(fault.code);
    if (ofCode === undefined) faultsByCode.set(fault.code, [fault]);
    else ofCode.push(fault);
  }
  return Array.from(faultsByCode, ([code, ofCode]): JobFault => {
    const examples = ofCode.slice(0, EXAMPLES_MAX).map((fault) => displayName(fault.path));
    const more = ofCode.length > examples.length ? ` and ${ofCode.length - examples.length} more` : '';
    return { kind: 'io', message: `read ${examples.join(', ')}${more}: ${code}` };
  });
}
