import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { canMount } from '../support/mount-namespace.ts';
import { PROGRAM } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';

const OLD = [1, 2, 3, 4].map(sessionIdOf);
const LIVE = sessionIdOf(9);

/** A disk of 16 MB with four old sessions of 2 MB and one of today on it, and the run that makes the reserve. */
const DISK = `
  DISK=$1; STATE=\${2:-$1/state}
  mount -t tmpfs -o size=16m,nr_inodes=2000,mode=755 tmpfs "$1"; mkdir -p "$1/claude/projects/-a"; mkdir -m 700 -p "$STATE"
  for id in ${OLD.join(' ')}; do
    head -c 2000000 /dev/zero | tr '\\0' x >"$1/claude/projects/-a/$id.jsonl"; touch -d '60 days ago' "$1/claude/projects/-a/$id.jsonl"
  done
  echo '{}' >"$1/claude/projects/-a/${LIVE}.jsonl"
  sweeper() { "$NODE" "$PROGRAM" --claude-dir "$DISK/claude" --state-dir "$STATE" --run-now --json "$@" 2>/dev/null || true; }
  [ -n "$3" ] || sweeper --job sweep-sessions >/dev/null`;

const FILL_BYTES = `dd if=/dev/zero of="$DISK/filler" bs=4k status=none 2>/dev/null || true`;
const FILL_INODES = `mkdir "$DISK/fill"; i=0; while : 2>/dev/null >"$DISK/fill/$i"; do i=$((i+1)); done`;

function inNamespace(script: string, ...args: readonly string[]): string {
  return execFileSync('unshare', ['-m', 'bash', '-ec', script, 'bash', tempDir(), ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', NODE: process.execPath, PROGRAM },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

interface Outcome {
  readonly removed: readonly number[];
  readonly purged: readonly number[];
  readonly reserveGivenUp: number | undefined;
  readonly left: readonly string[];
  readonly reserveFiles: number;
}

/** @param state where the state directory is; undefined for the same disk */
function onFullDisk(fill: string, state?: string, isFirstRun = false, flags = '--trash-keep 1ms'): Outcome {
  const script = `${DISK}
    ${fill}
    sweeper ${flags}; sweeper ${flags}
    ls "$DISK/claude/projects/-a"; ls "$DISK/claude/session-sweeper/reserve" | wc -l`;
  const output = inNamespace(script, state ?? '', isFirstRun ? 'first' : '');
  const lines = output.trimEnd().split('\n');
  const jobs = lines.slice(0, 2).flatMap((line) => JSON.parse(line).jobs);
  const of = (name: string) => jobs.filter(({ job }) => job === name);
  return {
    removed: of('prune-transcripts').map(({ removed }) => removed?.sessions ?? 0),
    purged: of('purge-trash').map(({ purged }) => purged?.sessions ?? 0),
    reserveGivenUp: of('prune-transcripts')[0]?.reserveGivenUp,
    left: lines.slice(2, -1),
    reserveFiles: Number(lines.at(-1)),
  };
}

describe.skipIf(!canMount)('On a disk that is full', () => {
  it.each([
    { what: 'bytes, with the state elsewhere', fill: FILL_BYTES, isInside: false },
    { what: 'bytes, with the state on it', fill: FILL_BYTES, isInside: true },
    { what: 'inodes, with the state elsewhere', fill: FILL_INODES, isInside: false },
  ])('to the last of its $what, what has expired goes and space comes free', ({ fill, isInside }) => {
    const { removed, purged, reserveGivenUp, left } = onFullDisk(fill, isInside ? undefined : tempDir());
    expect(removed).toEqual([4, 0]);
    expect(purged).toEqual([4, 0]);
    expect(left).toEqual([`${LIVE}.jsonl`]);
    if (!isInside) expect(reserveGivenUp).toBe(262_144);
  });

  it('of bytes, the very first run makes room all the same, where names take none', () => {
    const { removed, purged, left, reserveFiles } = onFullDisk(FILL_BYTES, tempDir(), true);
    expect({ removed, purged, left }).toEqual({ removed: [4, 0], purged: [4, 0], left: [`${LIVE}.jsonl`] });
    expect(reserveFiles).toBe(16);
  });

  it('what went is listed and comes back, though its record stands in names', () => {
    const script = `${DISK}
      ${FILL_BYTES}
      sweeper --job prune-transcripts >/dev/null
      "$NODE" "$PROGRAM" --claude-dir "$DISK/claude" --state-dir "$STATE" trash list --json
      "$NODE" "$PROGRAM" --claude-dir "$DISK/claude" --state-dir "$STATE" trash restore ${OLD.join(' ')} >/dev/null
      ls "$DISK/claude/projects/-a"`;
    const output = inNamespace(script, tempDir(), 'first').trimEnd().split('\n');
    expect(JSON.parse(output[0] ?? '').sessions).toHaveLength(4);
    expect(output.slice(1)).toEqual([...OLD, LIVE].map((id) => `${id}.jsonl`));
  });

  it('what has lain longest in the trash goes at once, as far as it takes to have room again, and no further', () => {
    const { removed, purged, left } = onFullDisk(FILL_BYTES, tempDir(), true, '');
    expect({ removed, purged, left }).toEqual({ removed: [4, 0], purged: [1, 0], left: [`${LIVE}.jsonl`] });
  });

  it('the reserve that was given up is made again when there is room', () => {
    expect(onFullDisk(FILL_BYTES, tempDir()).reserveFiles).toBe(16);
  });
});
