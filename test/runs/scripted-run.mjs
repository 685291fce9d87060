/** Stands for a run's process: does what the task's configuration says, and answers. */

import { writeFileSync, writeSync } from 'node:fs';

/** The channel to the parent, after stdin, stdout and stderr. */
const CHANNEL_FD = 3;
const REPORT = { faults: [], kept: { pid: process.pid } };

let isToldToStop = false;
let onLeave = () => undefined;
process.on('message', ({ type, task }) => {
  if (type === 'stop') isToldToStop = true;
  if (type === 'run') acts[task.config.act](task.config);
  if (type !== 'leave') return;
  onLeave();
  process.disconnect();
});

const acts = {
  answer: ({ tracePath }) => {
    process.send({ type: 'done', report: REPORT });
    onLeave = () => tracePath !== undefined && writeFileSync(tracePath, 'let go');
  },
  'tell the environment': () => {
    const kept = Object.fromEntries(Object.keys(process.env).map((name) => [name, 1]));
    process.send({ type: 'done', report: { faults: [], kept } });
  },
  fail: () => process.send({ type: 'failed', kind: 'io', message: 'the disk is full', stack: undefined }),
  'fail unforeseen': () => process.send({ type: 'failed', kind: 'internal', message: 'x is no y', stack: 'at z' }),
  throw: () => {
    throw new Error('a programmer was here');
  },
  leave: () => process.exit(7),
  abort: () => process.abort(),
  'fill the heap': () => {
    const kept = [];
    for (;;) kept.push(new Array(1_000).fill(kept.length));
  },
  'be cut off': () => {
    // The head of a message of a million bytes, and a few of them.
    const head = Buffer.alloc(4);
    head.writeUInt32BE(1_000_000);
    writeSync(CHANNEL_FD, Buffer.concat([head, Buffer.from([0xff, 0x0f, 0x6f])]));
    process.kill(process.pid, 'SIGKILL');
  },
  obey: () => {
    if (!isToldToStop) return setTimeout(acts.obey, 1);
    process.send({ type: 'done', report: { ...REPORT, stopped: true } });
  },
  hang: () => {
    for (;;);
  },
  'hang when let go': () => {
    process.send({ type: 'done', report: REPORT });
    onLeave = acts.hang;
  },
  talk: () => {
    process.stdout.write('x'.repeat(1_000_000));
    process.stderr.write('y'.repeat(1_000_000));
    acts.answer({});
  },
};
