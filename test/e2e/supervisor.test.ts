import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProgram } from '../support/forked.ts';
import { addressOf, sendSignal } from '../support/process.ts';
import { tempPlace } from '../support/temp-place.ts';
import { sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

/** Receives as a service manager does, since Node has no datagrams of a local socket. */
const RECEIVER = `
import json, socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
print('[]', flush=True)
while True:
    print(json.dumps(manager.recv(65536).decode().splitlines()), flush=True)
`;

const NEVER_SOON = '0 0 1 1 *';
const FLAGS = ['--listen', '127.0.0.1:0', '--schedule-prune', NEVER_SOON, '--schedule-purge', NEVER_SOON];
const hasNotify = spawnSync('systemd-notify', ['--version']).status === 0;

async function manager(): Promise<{ readonly socket: string; messages(): string[][] }> {
  const socket = join(tempPlace().directory, 'notify');
  const receiver = spawn('python3', ['-c', RECEIVER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void receiver.kill());
  let said = '';
  receiver.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const messages = () => {
    const lines = said.split('\n').slice(0, -1);
    const all = lines.map((line) => JSON.parse(line) as string[]).slice(1);
    // With it the sender waits until what it sent has been taken.
    return all.filter(([word]) => word !== 'BARRIER=1');
  };
  await until('a socket to listen on', () => said.includes('\n'));
  return { socket, messages };
}

describe.skipIf(!hasNotify)('What a service manager is told', () => {
  it('is that the daemon is ready, at what it is, that it reloads and that it stops', async () => {
    const { socket, messages } = await manager();
    const place = tempPlace();
    const daemon = startProgram([...place.flags, ...FLAGS], { env: { NOTIFY_SOCKET: socket } });
    await addressOf(daemon);
    const ready = await until('the daemon to be ready', () => messages().find((words) => words.includes('READY=1')));
    expect(ready).toContainEqual(
      expect.stringMatching(/^STATUS=(waiting; next sweep-sessions at 2|sweep-sessions at)/),
    );
    const before = messages().length;
    daemon.kill('SIGHUP');
    await until('the reload to be through', () =>
      messages()
        .slice(before)
        .some((words) => words.includes('READY=1')),
    );
    const [reloading] = messages().slice(before);
    expect(reloading).toEqual(['RELOADING=1', expect.stringMatching(/^MONOTONIC_USEC=\d+$/)]);
    daemon.kill('SIGTERM');
    expect((await daemon.exit).code).toBe(0);
    await until('its last word', () => messages().at(-1)?.includes('STOPPING=1'));
    expect(messages().flat().join()).not.toContain('WATCHDOG');
  });

  it('is what keeps it from being ready, until that has gone', async () => {
    const { socket, messages } = await manager();
    const place = tempPlace();
    const list = join(place.directory, 'wanted.txt');
    const sources = JSON.stringify([{ kind: 'keep-list', name: 'wanted', path: list }]);
    const daemon = startProgram([...place.flags, ...FLAGS, '--sources', sources], { env: { NOTIFY_SOCKET: socket } });
    await addressOf(daemon);
    const [first] = await until('a word', () => messages().length > 0 && messages());
    expect(first).toEqual([expect.stringMatching(/^STATUS=not ready: .*wanted/)]);
    writeFileSync(list, `${sessionIdOf(1)}\nend 1\n`);
    const ready = await until('the daemon to be ready', () => messages().find((words) => words.includes('READY=1')));
    expect(ready).toContainEqual(expect.stringMatching(/^STATUS=/));
  });

  it('is a sign of life for as long as the event loop turns', async () => {
    const { socket, messages } = await manager();
    const environment = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000' };
    const daemon = startProgram([...tempPlace().flags, ...FLAGS], { env: environment });
    const signs = () => messages().filter((words) => words.includes('WATCHDOG=1')).length;
    await until('signs of life', () => signs() >= 3);
    sendSignal(daemon.pid, 'SIGSTOP');
    // One may be on its way; what comes from elsewhere has its turn after it.
    for (let word = 1; word <= 3; word += 1) {
      spawnSync('systemd-notify', [`STATUS=${word}`], { env: { ...process.env, NOTIFY_SOCKET: socket } });
    }
    const atStop = signs();
    spawnSync('systemd-notify', ['STATUS=last'], { env: { ...process.env, NOTIFY_SOCKET: socket } });
    await until('a word from elsewhere', () => messages().some((words) => words.includes('STATUS=last')));
    expect(signs() - atStop).toBeLessThanOrEqual(1);
    sendSignal(daemon.pid, 'SIGCONT');
    await until('signs of life again', () => signs() > atStop + 1);
  });
});
