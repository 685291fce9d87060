import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { kernelProcessTable } from '../../src/process/process-table.ts';

const table = kernelProcessTable();

/** proc(5) stat from the third field on. */
function statOf(pid: number | 'self'): string[] {
  return (readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1) ?? '').split(' ');
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

function startTicksOf(pid: number): string | undefined {
  return statOf(pid)[19];
}

describe('the kernel’s process table', () => {
  it('names this machine and pid namespace', () => {
    expect(table.machineId).toBe(readFileSync('/etc/machine-id', 'utf8').trim());
    expect(table.pidNamespace).toBe(readlinkSync('/proc/self/ns/pid'));
  });

  it('finds a process that runs, with its start', () => {
    const found = table.find(process.pid);
    expect(found?.startTicks).toBe(startTicksOf(process.pid));
    expect(table.find(process.ppid)?.startTicks).toBe(startTicksOf(process.ppid));
    // Rather too early than too late, by no more than this process took to begin.
    expect(found?.startedAtMs).toBeLessThanOrEqual(performance.timeOrigin + 1);
    expect(found?.startedAtMs).toBeGreaterThan(performance.timeOrigin - 60_000);
  });

  it('tells that a child was started after its parent, and both after the boot', async () => {
    const child = spawn('sleep', ['60']);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'spawn');
    const [ours, its] = [process.pid, child.pid ?? 0].map((pid) => table.find(pid)?.startedAtMs ?? Number.NaN);
    expect(its).toBeGreaterThanOrEqual(ours ?? Number.NaN);
    expect(table.bootedAtMs()).toBeLessThan(ours ?? Number.NaN);
  });

  it.each([0, -1, 2 ** 22 + 1, 4_294_967_295, 9_999_999_999, 1.5, Number.NaN])('finds none under %d', (pid) => {
    expect(table.find(pid)).toBeUndefined();
  });

  it('finds none that has ended', () => {
    const { pid } = spawnSync('true');
    expect(pid).toBeGreaterThan(0);
    expect(table.find(pid)).toBeUndefined();
  });

  it('finds none that has ended and that nobody has waited for', async () => {
    // A shell that has become another program does not wait for its child.
    const parent = spawn('sh', ['-c', 'exec 3<&0; (read line <&3) & echo $!; exec sleep 60']);
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [output] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(output.toString());
    expect(table.find(pid)).toBeDefined();
    await until(() => readFileSync(`/proc/${parent.pid}/cmdline`, 'latin1').startsWith('sleep'));
    parent.stdin.end();
    await until(() => statOf(pid)[0] === 'Z');
    expect(table.find(pid)).toBeUndefined();
  });

  it('finds no thread of the kernel', () => {
    const KERNEL_THREAD_FLAG = 0x00200000;
    const isOfKernel = (pid: string) => (Number(statOf(Number(pid))[6]) & KERNEL_THREAD_FLAG) !== 0;
    const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
    // In a container there are none to be seen.
    for (const pid of pids.slice(0, 50).filter(isOfKernel)) expect(table.find(Number(pid))).toBeUndefined();
    expect(table.find(process.pid)).toBeDefined();
  });

  it('reckons a start by the earlier of two clocks that disagree: a later one would claim more', () => {
    const late = kernelProcessTable({ now: () => Date.now() + 40 * 86_400_000 });
    const early = kernelProcessTable({ now: () => Date.now() - 40 * 86_400_000 });
    const startOf = (by: typeof table) => by.find(process.pid)?.startedAtMs ?? Number.NaN;
    expect(startOf(late)).toBeLessThanOrEqual(performance.timeOrigin + 1);
    expect(startOf(early)).toBeLessThan(performance.timeOrigin - 39 * 86_400_000);
  });
});
