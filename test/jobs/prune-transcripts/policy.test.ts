import { describe, expect, it } from 'vitest';
import { byteNameFromSystem } from '../../../src/files/byte-name.ts';
import type { ProjectPolicy } from '../../../src/jobs/prune-transcripts/age-rules.ts';
import { prunePolicy, type RetentionSettings } from '../../../src/jobs/prune-transcripts/policy.ts';
import { DAY_MS } from '../../support/tree.ts';

const SETTINGS: RetentionSettings = {
  maxAge: 30 * DAY_MS,
  minAge: DAY_MS,
  maxTotalBytes: 'off',
  minFree: 'off',
  keepLast: 2,
  projects: [],
  classes: {},
};
const DEFAULT: ProjectPolicy = { maxAgeMs: 30 * DAY_MS, keepLast: 2, isOwnMaxAge: false, isSparedBySizeCap: false };

function policyFor(project: string | undefined, projects: RetentionSettings['projects']): ProjectPolicy {
  return prunePolicy({ ...SETTINGS, projects }).forProject(project);
}

describe('the retention of the configuration', () => {
  it('carries over the floor and the cap', () => {
    expect(prunePolicy({ ...SETTINGS, maxTotalBytes: 5_000 })).toMatchObject({
      minAgeMs: DAY_MS,
      maxTotalBytes: 5_000,
    });
    expect(prunePolicy(SETTINGS)).toMatchObject({ maxTotalBytes: 'off' });
  });

  it('takes no time before 2023 for a transcript’s', () => {
    expect(new Date(prunePolicy(SETTINGS).earliestMtimeMs).toISOString()).toBe('2023-01-01T00:00:00.000Z');
  });

  it('is the same for every project without an override, and for the unknown one', () => {
    expect(policyFor('-srv-app', [])).toEqual(DEFAULT);
    expect(policyFor(undefined, [{ match: '*', maxAge: 'never' }])).toEqual(DEFAULT);
  });

  it.each([
    { match: '-srv-app', project: '-srv-app', matches: true },
    { match: '-srv-app', project: '-srv-app2', matches: false },
    { match: '-srv-app', project: '-srv-App', matches: false },
    { match: '-srv-*', project: '-srv-app', matches: true },
    { match: '*', project: '-srv-app', matches: true },
    { match: '*', project: '.hidden', matches: true },
    { match: '-srv-{app,lib}', project: '-srv-lib', matches: true },
    { match: '-srv-{app,lib}', project: '-srv-bin', matches: false },
    { match: '-srv-???', project: '-srv-app', matches: true },
    { match: '-srv-???', project: '-srv-ap', matches: false },
    { match: '-[a-c]', project: '-b', matches: true },
    { match: '-srv-é', project: Buffer.from('-srv-é').toString('latin1'), matches: true },
    { match: '-srv-?', project: Buffer.from('-srv-é').toString('latin1'), matches: true },
    { match: '*', project: 'a\nb', matches: true },
    { match: '*', project: '\xff\xfe', matches: true },
    { match: '-srv.app', project: '-srv-app', matches: false },
  ])('$match matches $project: $matches', ({ match, project, matches }) => {
    const { maxAgeMs } = policyFor(byteNameFromSystem(project), [{ match, maxAge: DAY_MS }]);
    expect(maxAgeMs).toBe(matches ? DAY_MS : DEFAULT.maxAgeMs);
  });

  it('lets the first override that matches count, whole', () => {
    const projects = [
      { match: '-srv-app', keepLast: 9 },
      { match: '-srv-*', maxAge: DAY_MS, keepLast: 1 },
    ];
    expect(policyFor('-srv-app', projects)).toEqual({ ...DEFAULT, keepLast: 9 });
    expect(policyFor('-srv-lib', projects)).toEqual({ ...DEFAULT, maxAgeMs: DAY_MS, isOwnMaxAge: true, keepLast: 1 });
  });

  it('takes a keepLast of 0 in an override for what it says', () => {
    expect(policyFor('-srv-app', [{ match: '*', keepLast: 0 }])).toEqual({ ...DEFAULT, keepLast: 0 });
  });

  it('spares from the size cap only a project that was told to keep for ever', () => {
    expect(policyFor('-srv-app', [{ match: '*', maxAge: 'never' }])).toEqual({
      ...DEFAULT,
      maxAgeMs: 'never',
      isOwnMaxAge: true,
      isSparedBySizeCap: true,
    });
    expect(prunePolicy({ ...SETTINGS, maxAge: 'never' }).forProject('-srv-app')).toEqual({
      ...DEFAULT,
      maxAgeMs: 'never',
      isSparedBySizeCap: false,
    });
  });

  describe('of a real path', () => {
    const rules = [
      { match: '/srv/my/app', maxAge: 5 * DAY_MS },
      { match: '/srv/keep/**', maxAge: 'never' as const },
    ];
    const maxAgeAt = (...paths: (string | undefined)[]) => {
      return prunePolicy({ ...SETTINGS, projects: rules }).forProject('-srv-my-app', paths).maxAgeMs;
    };

    it('is that of the directory in which the sessions were begun, and of no other of one name', () => {
      expect(maxAgeAt('/srv/my/app')).toBe(5 * DAY_MS);
      expect(maxAgeAt('/srv/my-app')).toBe(30 * DAY_MS);
      expect(maxAgeAt('/srv/keep/a/b')).toBe('never');
    });

    it('is the longest where sessions of several directories share one name', () => {
      expect(maxAgeAt('/srv/my/app', '/srv/my-app')).toBe(30 * DAY_MS);
      expect(maxAgeAt('/srv/my/app', '/srv/keep/x')).toBe('never');
    });

    it('is the longest that may be where some sessions do not tell their path, by a glob too', () => {
      const at = (project: string, match: string, ...paths: (string | undefined)[]) => {
        const projects = [{ match, maxAge: 'never' as const }];
        return prunePolicy({ ...SETTINGS, projects }).forProject(project, paths).maxAgeMs;
      };
      expect(at('-srv-my-app', '/srv/my/app', '/srv/my-app')).toBe(30 * DAY_MS);
      expect(at('-srv-my-app', '/srv/my/app', '/srv/my-app', undefined)).toBe('never');
      expect(at('-srv-my-app', '/srv/my/**')).toBe('never');
      expect(at('-srv-my-app', '/srv/**/app')).toBe('never');
      expect(at('-srv-my', '/srv/my/**')).toBe('never');
      expect(at('-srv-my-app', '/srv/{my,your}/*')).toBe('never');
      expect(at('-opt-app', '/srv/**')).toBe(30 * DAY_MS);
      expect(at('-srv-my-app', '/srv/**', '/opt/x')).toBe(30 * DAY_MS);
    });

    it('shortens nothing where it only may be, and is not asked behind a rule for the name', () => {
      const project = '-tmp-app';
      const shorter = [{ match: '/tmp/**', maxAge: 2 * DAY_MS }];
      expect(prunePolicy({ ...SETTINGS, projects: shorter }).forProject(project, []).maxAgeMs).toBe(30 * DAY_MS);
      expect(
        prunePolicy({ ...SETTINGS, projects: shorter }).forProject(project, ['/tmp/app', undefined]).maxAgeMs,
      ).toBe(2 * DAY_MS);
      const behind = [
        { match: '-tmp-*', maxAge: 2 * DAY_MS },
        { match: '/tmp/**', maxAge: 'never' as const },
      ];
      expect(prunePolicy({ ...SETTINGS, projects: behind }).forProject(project, []).maxAgeMs).toBe(2 * DAY_MS);
    });

    it('goes by the name where no session tells the path', () => {
      expect(maxAgeAt()).toBe(5 * DAY_MS);
    });
  });
});
