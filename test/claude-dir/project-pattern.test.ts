import { describe, expect, it } from 'vitest';
import { projectPattern } from '../../src/claude-dir/project-pattern.ts';
import { withHome } from '../../src/format/home-path.ts';

describe('A pattern of projects', () => {
  it.each([
    { pattern: '/srv/app', name: '-srv-app', path: '/srv/app', matches: true },
    { pattern: '/srv/app/', name: '-srv-app', path: '/srv/app', matches: true },
    { pattern: '/srv/my/app', name: '-srv-my-app', path: '/srv/my-app', matches: false },
    { pattern: '/srv/my/app', name: '-srv-my-app', path: undefined, matches: true },
    { pattern: '/srv/*', name: '-srv-app', path: '/srv/app', matches: true },
    { pattern: '/srv/*', name: '-srv-app-x', path: '/srv/app/x', matches: false },
    { pattern: '/srv/**', name: '-srv-app-x', path: '/srv/app/x', matches: true },
    { pattern: '/srv/**', name: '-srv-app-x', path: undefined, matches: false },
    { pattern: '/srv/[id]', name: '-srv--id-', path: '/srv/[id]', matches: true },
    { pattern: '/srv/.hidden', name: '-srv--hidden', path: '/srv/.hidden', matches: true },
    { pattern: '-srv-*', name: '-srv-app', path: '/elsewhere', matches: true },
    { pattern: '-srv-*', name: undefined, path: '/srv/app', matches: false },
  ])('$pattern and $path in $name: $matches', ({ pattern, name, path, matches }) => {
    expect(projectPattern(pattern).matches(name, path)).toBe(matches);
  });

  it('takes a leading ~ alone for the home directory', () => {
    expect(['~', '~/a', '~b', '/x/~'].map((text) => withHome(text, '/home/u'))).toEqual([
      '/home/u',
      '/home/u/a',
      '~b',
      '/x/~',
    ]);
  });
});
