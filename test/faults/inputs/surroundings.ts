/** Places that cannot be worked in, and what the surroundings give. */

import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '../../support/place.ts';
import type { InputCase } from './case.ts';

const DRY = ['--run-now', '--dry-run', '--job', 'prune-transcripts'];
const LIST = ['trash', 'list'];

/** What makes a Claude directory one that nobody may work in. */
const UNSAFE: Readonly<Record<string, { readonly dir: string; readonly prepare?: (place: Place) => void }>> = {
  'the home directory': {
    dir: '{place}/home',
    prepare: ({ directory }) => mkdirSync(join(directory, 'home/projects'), { recursive: true }),
  },
  'the home directory with a slash': {
    dir: '{place}/home/',
    prepare: ({ directory }) => mkdirSync(join(directory, 'home/projects'), { recursive: true }),
  },
  'one that is not there': { dir: '{place}/none' },
  'one without projects': {
    dir: '{claude}',
    prepare: ({ claudeDir }) => rmSync(join(claudeDir, 'projects'), { recursive: true }),
  },
  'one whose projects are a file': {
    dir: '{place}/other',
    prepare: ({ directory }) => {
      mkdirSync(join(directory, 'other'));
      writeFileSync(join(directory, 'other/projects'), '');
    },
  },
  'one whose projects are a symlink to where anybody may write': {
    dir: '{place}/other',
    prepare: ({ directory }) => {
      mkdirSync(join(directory, 'other'));
      mkdirSync(join(directory, 'anybody'));
      chmodSync(join(directory, 'anybody'), 0o777);
      symlinkSync('../anybody', join(directory, 'other/projects'));
    },
  },
  'a file': { dir: '{place}/file', prepare: ({ directory }) => writeFileSync(join(directory, 'file'), '') },
  'a symlink': {
    dir: '{place}/link',
    prepare: ({ directory, claudeDir }) => symlinkSync(claudeDir, join(directory, 'link')),
  },
  'a symlink with a slash': {
    dir: '{place}/link/',
    prepare: ({ directory, claudeDir }) => symlinkSync(claudeDir, join(directory, 'link')),
  },
  'a symlink to nothing': {
    dir: '{place}/link',
    prepare: ({ directory }) => symlinkSync('nothing', join(directory, 'link')),
  },
  'a symlink to itself': {
    dir: '{place}/link',
    prepare: ({ directory }) => symlinkSync('link', join(directory, 'link')),
  },
  'one of 5,000 characters': { dir: `/${'x'.repeat(5_000)}` },
};

export function placeCases(): InputCase[] {
  return [...unsafe(), ...entangled(), ...fromSurroundings()];
}

function unsafe(): InputCase[] {
  return Object.entries(UNSAFE).flatMap(([name, { dir, prepare }]) => {
    const common = {
      environment: { SWEEPER_CLAUDE_DIR: dir, HOME: '{place}/home' },
      codes: [73],
      ...(prepare && { prepare }),
    };
    const names = [/open Claude directory/];
    return [
      { name: `root: ${name}, dry run`, args: DRY, isRun: true, names, ...common },
      { name: `root: ${name}, trash`, args: LIST, names, ...common },
      { name: `root: ${name}, daemon`, args: ['--listen', 'off'], names, ...common },
    ];
  });
}

function entangled(): InputCase[] {
  const refused = (
    name: string,
    environment: Record<string, string>,
    names: (string | RegExp)[],
    more: Partial<InputCase> = {},
  ): InputCase => {
    return { name: `root: ${name}`, args: ['check-config'], environment, codes: [78], names, ...more };
  };
  return [
    refused('that holds the state', { SWEEPER_STATE_DIR: '{claude}/state' }, ['{claude}', 'stateDir'], { faults: 2 }),
    ...['/', '///', '/./'].map((root) =>
      refused(`that is ${root}`, { SWEEPER_CLAUDE_DIR: root }, ['Claude directory /', 'stateDir'], {
        args: DRY,
        faults: 2,
      }),
    ),
    refused('that is the state', { SWEEPER_STATE_DIR: '{claude}' }, ['{claude}', 'stateDir'], { faults: 3 }),
    refused('in the state', { SWEEPER_CLAUDE_DIR: '{state}/claude' }, ['{state}/claude', 'claudeDir']),
    refused('that holds the database', { SWEEPER_SESSIONS_DB: '{claude}/host.db' }, [
      '{claude}/host.db',
      'sessions.db',
    ]),
    refused('that holds the database deep down', { SWEEPER_SESSIONS_DB: '{claude}/projects/x/host.db' }, [
      'sessions.db',
    ]),
    refused('that is the database', { SWEEPER_SESSIONS_DB: '{claude}' }, ['sessions.db']),
    refused('that holds the configuration', { SWEEPER_CONFIG: '{claude}/config' }, ['{claude}/config'], {
      prepare: ({ claudeDir }) => writeFileSync(join(claudeDir, 'config'), ''),
    }),
    refused('given twice', { SWEEPER_CLAUDE_DIR: '{claude}:{claude}' }, ['{claude}'], { faults: 2 }),
    refused('given twice, once with a slash', { SWEEPER_CLAUDE_DIR: '{claude}:{claude}/' }, ['{claude}'], {
      faults: 2,
    }),
    refused('in another root', { SWEEPER_CLAUDE_DIR: '{claude}:{claude}/projects/x' }, ['{claude}/projects/x']),
    refused("in another root's trash", { SWEEPER_CLAUDE_DIR: '{claude}:{claude}/session-sweeper/trash' }, [
      '{claude}/session-sweeper/trash',
    ]),
    refused('that holds another root', { SWEEPER_CLAUDE_DIR: '{place}:{claude}' }, ['{claude}'], { faults: 3 }),
    refused('given twice by a symlink', { SWEEPER_CLAUDE_DIR: '{claude}:{place}/link' }, ['{claude}'], {
      faults: 2,
      prepare: ({ directory, claudeDir }) => symlinkSync(claudeDir, join(directory, 'link')),
    }),
    refused('that holds the state by a symlink', { SWEEPER_STATE_DIR: '{place}/link/state' }, ['stateDir'], {
      faults: 2,
      prepare: ({ directory, claudeDir }) => symlinkSync(claudeDir, join(directory, 'link')),
    }),
    refused('that holds the database by a symlink', { SWEEPER_SESSIONS_DB: '{place}/link' }, ['sessions.db'], {
      prepare: ({ directory, claudeDir }) => symlinkSync(join(claudeDir, 'settings.json'), join(directory, 'link')),
    }),
    {
      name: 'root: that others may write to',
      args: LIST,
      prepare: ({ claudeDir }) => chmodSync(claudeDir, 0o777),
      codes: process.geteuid?.() === 0 ? [73] : [0],
      ...(process.geteuid?.() === 0 ? { names: ['chmod'] } : {}),
    },
    {
      name: 'root: that vanished with all of its sessions',
      args: DRY,
      isRun: true,
      prepare: ({ claudeDir, directory }) => renameSync(claudeDir, join(directory, 'elsewhere')),
      codes: [73],
      names: ['mounted'],
    },
  ];
}

function fromSurroundings(): InputCase[] {
  const bare = { SWEEPER_CLAUDE_DIR: undefined, SWEEPER_STATE_DIR: undefined, HOME: '/nonexistent' };
  const refused = (
    name: string,
    environment: Record<string, string | undefined>,
    names: (string | RegExp)[],
    faults = 1,
  ): InputCase => {
    return {
      name: `surroundings: ${name}`,
      args: ['check-config'],
      environment: { ...bare, ...environment },
      codes: [78],
      names,
      faults,
    };
  };
  const accepted = (name: string, environment: Record<string, string | undefined>, shown: string): InputCase => {
    return {
      name: `good: surroundings: ${name}`,
      args: ['check-config'],
      environment: { ...bare, ...environment },
      codes: [0],
      shows: (stdout) => stdout.includes(shown),
    };
  };
  return [
    refused('a relative CLAUDE_CONFIG_DIR', { CLAUDE_CONFIG_DIR: 'claude' }, ['CLAUDE_CONFIG_DIR', '"claude"']),
    refused('a CLAUDE_CONFIG_DIR with ..', { CLAUDE_CONFIG_DIR: '/srv/../etc' }, ['CLAUDE_CONFIG_DIR', '/srv/../etc']),
    refused('a CLAUDE_CONFIG_DIR of ~', { CLAUDE_CONFIG_DIR: '~/.claude' }, ['CLAUDE_CONFIG_DIR']),
    refused('a relative CLAUDE_HOOKS_STATE_DIR', { CLAUDE_HOOKS_STATE_DIR: 'state' }, [
      'CLAUDE_HOOKS_STATE_DIR',
      '"state"',
    ]),
    refused('a CLAUDE_HOOKS_STATE_DIR with ..', { CLAUDE_HOOKS_STATE_DIR: '/srv/..' }, ['CLAUDE_HOOKS_STATE_DIR']),
    refused('an XDG_STATE_HOME with ..', { XDG_STATE_HOME: '/srv/../etc' }, ['XDG_STATE_HOME', '/srv/../etc']),
    refused(
      'a relative HOME',
      { HOME: 'home' },
      ['HOME', '"home/.claude"', '"home/.local/state/claude-session-sweeper"'],
      2,
    ),
    refused(
      'both at once',
      { CLAUDE_CONFIG_DIR: 'claude', CLAUDE_HOOKS_STATE_DIR: 'state' },
      ['CLAUDE_CONFIG_DIR', 'CLAUDE_HOOKS_STATE_DIR'],
      2,
    ),
    refused('a variable in lower case', { SWEEPER_max_age: '3d' }, ['SWEEPER_max_age', 'SWEEPER_MAX_AGE']),
    refused('a variable without a name', { SWEEPER_: '3d' }, ['SWEEPER_: ']),
    refused('a variable of nothing', { SWEEPER_MAX_AGE: '' }, ['SWEEPER_MAX_AGE', '""']),
    refused('a Claude directory of nothing', { SWEEPER_CLAUDE_DIR: '' }, ['SWEEPER_CLAUDE_DIR', '""']),
    refused('a value with controls', { SWEEPER_MAX_AGE: '3d\u001b[31m\nERROR all is lost' }, [
      'SWEEPER_MAX_AGE',
      '\\n',
    ]),
    refused('a value of 100,000 characters', { SWEEPER_MAX_AGE: 'x'.repeat(100_000) }, ['SWEEPER_MAX_AGE']),
    accepted('an empty CLAUDE_CONFIG_DIR', { CLAUDE_CONFIG_DIR: '' }, '/nonexistent/.claude'),
    accepted(
      'a relative XDG_STATE_HOME, which counts for nothing',
      { XDG_STATE_HOME: 'state' },
      '/nonexistent/.local/state/claude-session-sweeper',
    ),
    accepted('an XDG_STATE_HOME', { XDG_STATE_HOME: '/srv/state' }, '/srv/state/claude-session-sweeper'),
    accepted('a Claude directory of ~', { SWEEPER_CLAUDE_DIR: '~/x' }, '/nonexistent/x'),
  ];
}
