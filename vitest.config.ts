import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/claude/**'],
    // Starts what some of them share, where one asks for it.
    globalSetup: 'test/support/postgres-for-all.ts',
    pool: 'forks',
    // Much of the time goes by in waiting for programs: one processor less would be one of two.
    maxWorkers: 2,
    // Only what hangs takes so long: however busy the machine is, nothing that works does.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
