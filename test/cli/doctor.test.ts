import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/doctor/finding.ts';
import { snapshot } from '../support/disk.ts';
import type { Place } from '../support/place.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';
import { cli } from './cli-here.ts';

function sound(): Place {
  const place = tempPlace();
  makeSession(place.claudeDir, { id: sessionIdOf(1), ageMs: DAY_MS });
  writeFileSync(join(place.claudeDir, 'settings.json'), '{"cleanupPeriodDays": 60}');
  chmodSync(place.claudeDir, 0o700);
  return place;
}

async function examine(place: Place, ...flags: string[]) {
  const { code, stdout } = await cli([...place.flags, 'doctor', '--json', ...flags]);
  const { findings } = JSON.parse(stdout) as { findings: (Finding & { claudeDir: string | null })[] };
  return { code, findings, levels: (level: Finding['level']) => findings.filter((one) => one.level === level) };
}

describe('doctor', () => {
  it.each(['garbage', 'x'.repeat(8_192), ''])(
    'examines all that it can beside a ledger that is none',
    async (ledger) => {
      const host = sound();
      await host.run(['--run-now']);
      writeFileSync(join(host.stateDir, 'ledger.db'), ledger);
      const { code, levels } = await examine(host);
      expect({ code, told: levels('problem').length > 0 }).toEqual({ code: 1, told: true });
    },
  );

  it('finds nothing to do on a sound host, changes nothing, and ends with 0', async () => {
    const host = sound();
    await host.run(['--run-now']);
    const before = [snapshot(host.claudeDir), snapshot(host.stateDir)];
    const { code, levels } = await examine(host);
    expect({ code, others: [...levels('problem'), ...levels('notice')] }).toEqual({ code: 0, others: [] });
    expect([snapshot(host.claudeDir), snapshot(host.stateDir)]).toEqual(before);
  });

  it.each<{ what: string; make: (host: Place) => void; flags?: string[]; check: string; level: Finding['level'] }>([
    {
      what: "Claude's clean-up comes before ours",
      make: ({ claudeDir }) => writeFileSync(join(claudeDir, 'settings.json'), '{}'),
      flags: ['--max-age', '60d'],
      check: 'exposed sessions',
      level: 'problem',
    },
    {
      what: "Claude's clean-up comes in the same hour as ours",
      make: () => undefined,
      flags: ['--max-age', '60d'],
      check: 'exposed sessions',
      level: 'problem',
    },
    {
      what: "settings that stop Claude's clean-up until somebody mends them",
      make: ({ claudeDir }) => writeFileSync(join(claudeDir, 'settings.json'), '{"cleanupPeriodDays": 60,}'),
      check: 'clean-up settings',
      level: 'notice',
    },
    {
      what: 'a cleanupPeriodDays of 0',
      make: ({ claudeDir }) => writeFileSync(join(claudeDir, 'settings.json'), '{"cleanupPeriodDays": 0}'),
      check: 'clean-up settings',
      level: 'problem',
    },
    {
      what: "settings of an organisation's server that are shorter than the user's",
      make: ({ claudeDir }) => writeFileSync(join(claudeDir, 'remote-settings.json'), '{"cleanupPeriodDays": 7}'),
      check: 'exposed sessions',
      level: 'problem',
    },
    {
      what: "Claude's clean-up comes before the rows of the resume map end",
      make: ({ claudeDir }) => writeFileSync(join(claudeDir, 'settings.json'), '{"cleanupPeriodDays": 45}'),
      flags: ['--sessions-max-age', '50d', '--shield', 'off'],
      check: 'clean-up period',
      level: 'problem',
    },
    {
      what: "the shield stands between Claude's clean-up and the sessions",
      make: () => undefined,
      flags: ['--max-age', '60d', '--shield', 'all'],
      check: 'clean-up period',
      level: 'notice',
    },
    {
      what: 'records of other machines',
      make: ({ claudeDir }) =>
        writeAged(
          join(claudeDir, 'sessions/9.json'),
          JSON.stringify({ sessionId: sessionIdOf(9), pidDomain: 'x' }),
          Date.now(),
        ),
      check: 'process records',
      level: 'notice',
    },
    {
      what: 'records that have had their time',
      make: ({ claudeDir }) => writeAged(join(claudeDir, 'sessions/9.json'), 'x', 0),
      check: 'process records',
      level: 'notice',
    },
    {
      what: 'records that do not say whom they protect',
      make: ({ claudeDir }) => writeAged(join(claudeDir, `sessions/${process.pid}.json`), 'x', Date.now()),
      check: 'process records',
      level: 'problem',
    },
    {
      what: "pins of Claude's own that mean nothing",
      make: ({ claudeDir }) => writeAged(join(claudeDir, 'jobs/pins.json'), '["x"]', 0),
      check: "Claude's pins",
      level: 'notice',
    },
    {
      what: 'a version of Claude that is not known',
      make: ({ claudeDir }) =>
        writeAged(
          join(claudeDir, 'sessions/9.json'),
          JSON.stringify({ sessionId: sessionIdOf(9), version: '9.0.1' }),
          Date.now(),
        ),
      check: 'version of Claude',
      level: 'notice',
    },
    {
      what: 'orphans',
      make: ({ claudeDir }) => writeAged(join(claudeDir, `file-history/${sessionIdOf(7)}/a@v1`), 'x', Date.now()),
      check: 'orphans',
      level: 'notice',
    },
    {
      what: 'an id with two transcripts',
      make: ({ claudeDir }) => makeSession(claudeDir, { id: sessionIdOf(1), project: '-other', ageMs: 0 }),
      check: 'duplicates',
      level: 'problem',
    },
    {
      what: 'a symlinked project',
      make: ({ claudeDir }) => symlinkSync(tempDir(), join(claudeDir, 'projects/-linked')),
      check: 'projects',
      level: 'notice',
    },
    {
      what: 'a directory that others can list',
      make: ({ claudeDir }) => chmodSync(claudeDir, 0o755),
      check: 'permissions',
      level: 'notice',
    },
    {
      what: 'a run in the trash that cannot be read',
      make: ({ claudeDir }) => writeAged(join(claudeDir, 'session-sweeper/trash/20260101T000000Z/stray'), 'x', 0),
      check: 'trash',
      level: 'problem',
    },
    {
      what: 'a resume map that is none',
      make: ({ stateDir }) => writeAged(join(stateDir, 'sessions.db'), 'x'.repeat(5_000), 0),
      check: 'resume map',
      level: 'problem',
    },
    {
      what: 'a pin that pins nothing',
      make: ({ stateDir }) => writeAged(join(stateDir, 'pins/my-session'), '', 0),
      check: 'keep list',
      level: 'problem',
    },
    {
      what: 'a state directory that others can look into',
      make: ({ stateDir }) => mkdirSync(stateDir, { mode: 0o755 }),
      check: 'state directory',
      level: 'notice',
    },
  ])('tells of $what', async ({ make, flags = [], check, level }) => {
    const host = sound();
    make(host);
    const { code, findings } = await examine(host, ...flags);
    expect(findings).toContainEqual(expect.objectContaining({ check, level }));
    expect(code).toBe(findings.some((finding) => finding.level === 'problem') ? 1 : 0);
    for (const finding of findings) if (finding.level === 'problem') expect(finding.message).not.toBe('');
  });

  it('tells of a Claude directory that is not there, and looks at the others all the same', async () => {
    const host = sound();
    const { code, findings } = await examine(host, '--claude-dir', '/nonexistent/claude');
    expect(code).toBe(1);
    expect(findings).toContainEqual(expect.objectContaining({ check: 'directory', level: 'problem' }));
    expect(findings.filter(({ claudeDir }) => claudeDir === host.claudeDir).length).toBeGreaterThan(5);
  });

  it('names a project that is a link to nowhere with the command that ends it, and none that ends at a project beside it', async () => {
    const host = sound();
    const projects = join(host.claudeDir, 'projects');
    symlinkSync('-srv-app', join(projects, '-once'));
    symlinkSync('-once', join(projects, '-twice'));
    symlinkSync('/nowhere/at all', join(projects, "-lost 'one'"));
    const told = async () => (await examine(host)).findings.filter(({ check }) => check === 'projects');
    const [lost, ...others] = await told();
    expect({ message: lost?.message, others }).toEqual({
      message: expect.stringMatching(/^1 are symlinks that lead nowhere now.*: -lost 'one'$/),
      others: [],
    });
    execFileSync('sh', ['-c', lost?.advice?.replace(/^.*: rm /, 'rm ') ?? 'false']);
    expect(await told()).toMatchObject([{ level: 'ok' }]);
  });

  it('shows people what is the matter and what to do about it', async () => {
    const host = sound();
    rmSync(host.at('settings.json'));
    const { stdout } = await cli([...host.flags, 'doctor', '--max-age', '60d']);
    expect(stdout).toMatch(
      /notice {3}clean-up period: Claude deletes after 30 days by default, and rows of the resume map live for 30d, and transcripts are to live for 60d/,
    );
    expect(stdout).toMatch(
      /problem {2}exposed sessions: Claude's own clean-up deletes 1 that are kept here \(1 within-retention\)/,
    );
    expect(stdout).toContain(
      '→ run adopt, so that Claude leaves the deleting to this program; or shield all that stays',
    );
    expect(stdout.trimEnd().endsWith('1 problem: see the arrows.')).toBe(true);
  });

  it('never says that nothing needs doing while something that is wanted is exposed, and says so once it is not', async () => {
    const host = sound();
    writeFileSync(host.at('settings.json'), '{}');
    makeSession(host.claudeDir, { id: sessionIdOf(2), ageMs: 200 * DAY_MS });
    const flags = [...host.flags, '--max-age', '20d'];
    const doctor = async (...more: string[]) => (await cli([...flags, ...more, 'doctor'])).stdout;
    await host.run(['--run-now', '--max-age', '20d']);
    await host.run(['trash', 'restore', '--pin', sessionIdOf(2)]);
    expect(await doctor('--shield', 'off')).toMatch(/1 pinned.*\n.*adopt.*--shield wanted/);
    await host.run(['--run-now', '--max-age', '20d']);
    expect(await doctor()).toMatch(/exposed sessions: .*; the shield keeps 1 from it\n(.*\n)*Nothing needs doing\.\n$/);
    await host.run(['adopt', '--yes']);
    expect(await doctor('--shield', 'off')).toMatch(/\nNothing needs doing\.\n$/);
  });
});
