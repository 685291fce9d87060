import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runHook } from '../../src/process/hook.ts';
import { canMount } from '../support/mount-namespace.ts';
import { REPOSITORY, run, start } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/wait.ts';

const NEVER = new AbortController().signal;
const environment = { PATH: process.env.PATH, MARK: 'here' };

/** Mounts a file system of which nobody answers for any file, as a server that is gone, and runs what comes after its path. */
const HANG = `exec 3<>/dev/fuse
  mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none "$1"
  directory=$1; shift; exec "$@" "$directory"`;
const canHang = canMount && existsSync('/dev/fuse');

/** A script of Node, so that no shell has to be there. */
function node(code: string): string[] {
  return [process.execPath, '-e', code];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that is dead and that nobody has taken note of is still found.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a hook', () => {
  it('finds on stdin what it is told, in the environment that it is given, and no shell reads its arguments', async () => {
    const file = join(tempDir(), 'told');
    const script = `require('fs').writeFileSync(${JSON.stringify(file)},
      process.env.MARK + process.argv[1] + require('fs').readFileSync(0, 'utf8'))`;
    const fault = await runHook([...node(script), '$(touch /x); "'], 'the run', { environment, limit: NEVER });
    expect(fault).toBeUndefined();
    expect(readFileSync(file, 'utf8')).toBe('here$(touch /x); "the run');
  });

  it('may leave what it is told unread', async () => {
    expect(await runHook(['true'], 'x'.repeat(2 ** 22), { environment, limit: NEVER })).toBeUndefined();
  });

  it('is told of by its exit code and by what it says last, of which a flood is cut', async () => {
    const said = await runHook(node('console.error("no mail today"); process.exitCode = 3'), '', {
      environment,
      limit: NEVER,
    });
    expect(said).toBe('it ended with 3: no mail today');
    const flood = node('process.stderr.write("x".repeat(1e7), () => process.kill(process.pid, "SIGTERM"))');
    const fault = await runHook(flood, '', { environment, limit: NEVER });
    expect(fault).toMatch(/^it ended with SIGTERM: x+$/);
    expect(fault?.length).toBeLessThan(2_000);
  });

  it('that cannot be started says why', async () => {
    const start = (...argv: string[]) => runHook(argv, '', { environment, limit: NEVER });
    expect(await start('/nonexistent/hook')).toBe('it could not be started: ENOENT');
    expect(await start('/dev/null')).toBe('it could not be started: EACCES');
  });

  it('that cannot be started since descriptors have run out ends nobody', async () => {
    const hook = JSON.stringify(join(REPOSITORY, 'dist/process/hook.js'));
    const starter = `const fs = await import('node:fs');
      const { runHook } = await import(${hook});
      try { for (;;) fs.openSync('/dev/null') } catch {}
      const fault = await runHook(['true'], 'x', { environment: {}, limit: new AbortController().signal });
      fs.writeSync(1, fault);`;
    const limited = ['-n', '256', process.execPath, '--input-type=module', '-e', starter];
    const { stdout, stderr } = await run('sh', ['-c', 'ulimit "$1" "$2"; shift 2; exec "$@"', 'sh', ...limited]);
    expect(stdout, stderr).toBe('it could not be started: EMFILE');
  });

  it('is killed when its time is over, with all that it has started', async () => {
    const file = join(tempDir(), 'pid');
    const script = `const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
      require('fs').writeFileSync(${JSON.stringify(file)}, child.pid + ' ' + process.pid + ' ');
      setInterval(() => {}, 1e6)`;
    const limit = new AbortController();
    const hook = runHook(node(script), '', { environment, limit: limit.signal });
    const pids = await until('both to be there', () => {
      const written = existsSync(file) ? /^(\d+) (\d+) $/.exec(readFileSync(file, 'utf8')) : null;
      return written?.slice(1).map(Number);
    });
    limit.abort();
    expect(await hook).toBe('it was killed: its time was over');
    await until('their end', () => !pids.some(isAlive));
  });

  it('that has ended is not waited for because of what it has left behind', async () => {
    const script = `const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'],
      { detached: true, stdio: 'inherit' });
      console.error(child.pid); child.unref(); process.exitCode = 1`;
    const fault = await runHook(node(script), '', { environment, limit: NEVER });
    const pid = Number(/^it ended with 1: (\d+)$/.exec(fault ?? '')?.[1]);
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });

  it.skipIf(!canHang)('on a file system that hangs holds up nobody, and is killed when its time is over', async () => {
    const module = JSON.stringify(join(REPOSITORY, 'dist/process/hook.js'));
    const starter = `const { runHook } = await import(${module});
      const limit = new AbortController();
      setTimeout(() => limit.abort(), 50);
      const fault = await runHook([process.argv[1] + '/hook'], 'x', { environment: {}, limit: limit.signal });
      console.log(fault);
      process.exit()`;
    const running = start('unshare', [
      '-m',
      'sh',
      '-c',
      HANG,
      'sh',
      tempDir(),
      process.execPath,
      '--input-type=module',
      '-e',
      starter,
    ]);
    onTestFinished(() => running.kill('SIGKILL'));
    const { stdout, stderr } = await until('its end', () => running.ended());
    expect(stdout, stderr).toBe('it was killed: its time was over\n');
  });

  it('is not started when there is no time left', async () => {
    const limit = AbortSignal.abort();
    expect(await runHook(['true'], '', { environment, limit })).toContain('not started');
  });
});
