#!/usr/bin/env node
/** Loads the program where this Node can run it; else ends with one line. Like what it imports, it is in syntax that Node 12 reads. */

import { UNSUPPORTED_NODE_EXIT_CODE, unsupportedNode } from './process/supported-node.ts';

// Node would open its debugger's port on the one, and end on the other.
for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined);
// A daemon that is told to read its configuration again has not read it yet.
if (process.argv.includes('daemon')) process.on('SIGHUP', () => undefined);

const fault = unsupportedNode(process.versions.node);
if (fault === undefined) {
  void import('./cli/start.ts');
} else {
  process.stderr.write(`claude-session-sweeper: ${fault}\n`);
  process.exitCode = UNSUPPORTED_NODE_EXIT_CODE;
}
