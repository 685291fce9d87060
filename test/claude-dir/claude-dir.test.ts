import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import { canMount, inMountNamespace } from '../support/mount-namespace.ts';
import { openClaudeDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir } from '../support/tree.ts';

const UNSAFE = expect.objectContaining({ name: 'OperatingError', kind: 'unsafe-root', exitCode: 73 });

function made(make: (path: string) => void): () => string {
  return () => {
    const path = join(tempDir(), 'claude');
    make(path);
    return path;
  };
}

describe('a Claude directory', () => {
  it.each<{ what: string; path: () => string }>([
    { what: 'an empty path', path: () => '' },
    { what: 'the root of the file system', path: () => '/' },
    { what: 'the root by many slashes', path: () => '///' },
    { what: 'the root by a dot', path: () => '/.' },
    { what: 'the home directory', path: () => homedir() },
    { what: 'the home directory with a slash', path: () => `${homedir()}/` },
    { what: 'the home directory with a dot', path: () => `${homedir()}/.` },
    { what: 'a relative path', path: () => relative(process.cwd(), makeClaudeDir(tempDir())) },
    { what: 'a path with dots', path: () => `${makeClaudeDir(tempDir())}/projects/..` },
    { what: 'what is not there', path: made(() => undefined) },
    { what: 'a file', path: made((path) => writeFileSync(path, '')) },
    { what: 'a FIFO', path: made((path) => execFileSync('mkfifo', [path])) },
    { what: 'a symlink to one', path: made((path) => symlinkSync(makeClaudeDir(tempDir()), path)) },
    { what: 'a symlink with a slash', path: () => `${made((path) => symlinkSync(makeClaudeDir(tempDir()), path))()}/` },
    { what: 'a symlink with a dot', path: () => `${made((path) => symlinkSync(makeClaudeDir(tempDir()), path))()}/.` },
    { what: 'a directory without projects', path: made((path) => mkdirSync(path)) },
    {
      what: 'one whose projects is a file',
      path: made((path) => {
        mkdirSync(path);
        writeFileSync(join(path, 'projects'), '');
      }),
    },
    {
      what: 'one whose projects is a symlink into a directory that all can write to',
      path: made((path) => {
        mkdirSync(path);
        symlinkSync(tempDir(), join(path, 'projects'));
      }),
    },
  ])('is never $what', ({ path }) => {
    expect(() => ClaudeDir.open(path())).toThrow(UNSAFE);
  });

  it.skipIf(process.getuid?.() !== 0).each([
    { name: '.', mode: 0o775 },
    { name: '.', mode: 0o757 },
    { name: 'projects', mode: 0o775 },
    { name: 'projects', mode: 0o1777 },
  ])('is none for root where others may write into $name: root would act for them', ({ name, mode }) => {
    const path = makeClaudeDir(tempDir());
    ClaudeDir.open(path).close();
    chmodSync(join(path, name), mode);
    expect(() => ClaudeDir.open(path)).toThrow(UNSAFE);
  });

  it('tells how transcripts can lie on another disk, where projects/ is a symlink that is not followed', () => {
    const disk = join(tempDir(), 'claude');
    makeClaudeDir(disk);
    chmodSync(join(disk, 'projects'), 0o777);
    const path = tempDir();
    symlinkSync(join(disk, 'projects'), join(path, 'projects'));
    expect(() => ClaudeDir.open(path)).toThrow(
      /can be written by others; chmod go-w .*move the whole Claude directory there.*CLAUDE_CONFIG_DIR.*claudeDir/,
    );
  });

  it('names itself in the refusal', () => {
    const path = join(tempDir(), 'nothing-here');
    expect(() => ClaudeDir.open(path)).toThrow(path);
  });

  it('shows no control characters of its name in the refusal', () => {
    const path = join(tempDir(), 'a\u001b[31m\nb');
    expect(() => ClaudeDir.open(path)).toThrow(/^\P{Cc}*$/u);
  });

  it('gives every descriptor of a refused one back', () => {
    const path = tempDir();
    const before = readdirSync('/proc/self/fd').length;
    for (let count = 0; count < 20; count += 1) expect(() => ClaudeDir.open(path)).toThrow(UNSAFE);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });

  it('stays the one that was opened when another takes its name', () => {
    const path = makeClaudeDir(join(tempDir(), 'claude'));
    mkdirSync(join(path, 'projects/-first'));
    const claudeDir = openClaudeDir(path);
    renameSync(path, `${path}-away`);
    mkdirSync(join(makeClaudeDir(path), 'projects/-second'));
    expect(claudeDir.projects.entries().map(({ name }) => name)).toEqual(['-first']);
  });

  it('is not read as empty when it vanishes while it is open', () => {
    const path = makeClaudeDir(join(tempDir(), 'claude'));
    openClaudeDir(path);
    rmSync(path, { recursive: true });
    expect(() => ClaudeDir.open(path)).toThrow(UNSAFE);
  });

  it.skipIf(!canMount).each(['mount -t tmpfs tmpfs "$1/projects"', 'mount --bind "$1/projects" "$1/projects"'])(
    'is refused when its projects is a mount of its own: %s',
    (mount) => {
      const path = makeClaudeDir(tempDir());
      const output = inMountNamespace(`${mount}; "$NODE" "$PROGRAM" "$1"`, 'scan', path);
      expect(JSON.parse(output)).toEqual({ error: 'unsafe-root' });
    },
  );
});
