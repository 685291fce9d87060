/** Begins with the test files that take longest, whose names those who write them know: no processor waits for the last of them at the end. */

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They start very many programs, one after the other. */
const LONG = [/\/live-sources\/configured\/contract\./, /\/guards\/removals\./, /\/e2e\//, /\/prometheus-rules\./];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((left, right) => rankOf(left.moduleId) - rankOf(right.moduleId));
  }
}

function rankOf(path: string): number {
  const rank = LONG.findIndex((pattern) => pattern.test(path));
  return rank < 0 ? LONG.length : rank;
}
