import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/claude/**/*.test.ts'],
    pool: 'forks',
    // On a small machine too: the client itself uses but one core, and waits a good part of its time.
    maxWorkers: 2,
    // A start of the real client takes a second or two, and many times that on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 240_000,
  },
});
