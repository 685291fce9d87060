/**
 * A deliberately broken daemon: node:http as it comes, and a prune that moves file after file on the main thread. The harness
 * must find it out.
 */

import { lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const [claudeDir = '', maxAgeMs = '0', delayMs = '0'] = process.argv.slice(2);
const METRICS = [
  '# HELP session_sweeper_run_in_progress 1 while a job is at work.',
  '# TYPE session_sweeper_run_in_progress gauge',
  'session_sweeper_run_in_progress{job="prune-transcripts"} 1',
];

const server = createServer((request, response) => {
  if (request.url === '/metrics') response.end(`${METRICS.join('\n')}\n`);
  else response.writeHead(404).end();
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stderr.write(`${JSON.stringify({ msg: 'daemon started', listen: `127.0.0.1:${port}` })}\n`);
  setTimeout(prune, Number(delayMs));
});

function prune(): void {
  const trash = join(claudeDir, 'session-sweeper/trash/plain');
  for (const project of readdirSync(join(claudeDir, 'projects'))) {
    mkdirSync(join(trash, project), { recursive: true });
    for (const name of readdirSync(join(claudeDir, 'projects', project))) {
      const path = join(claudeDir, 'projects', project, name);
      if (Date.now() - lstatSync(path).mtimeMs > Number(maxAgeMs)) renameSync(path, join(trash, project, name));
    }
  }
}
