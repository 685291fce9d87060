import { configDefaults, defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/claude/**'],
    // Starts what some of them share, where one asks for it.
    globalSetup: 'test/support/postgres-for-all.ts',
    pool: 'forks',
    // A process of its own for each file, and all modules loaded anew in it, was a third of the time. So a file leaves nothing behind.
    isolate: false,
    // Much of the time goes by in waiting for programs: one more than there are processors, where there are two.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // Only what hangs takes so long: however busy the machine is, nothing that works does.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
