/** Configuration files that are none, keys that nobody knows, and several faults at once. */

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InputCase } from './case.ts';

/** The directory comes from the environment otherwise, which would go before the file. */
const FROM_FILE = { SWEEPER_CLAUDE_DIR: undefined };
const CHECK = ['check-config', '--json', '--config', '{place}/config'];

const BROKEN: Readonly<Record<string, string | Buffer>> = {
  'an open quote': 'maxAge: "3d\n',
  'an open bracket': 'claudeDir: [/srv/a\n',
  'half a JSON document': '{"maxAge": "3d", "trash": {"ke',
  'two JSON documents': '{"maxAge": "3d"}{"minAge": "2d"}',
  'two YAML documents': 'maxAge: 3d\n---\nmaxAge: 4d\n',
  'a key twice': 'maxAge: 3d\nmaxAge: 4d\n',
  'a key twice in JSON': '{"maxAge":"3d","maxAge":"4d"}',
  'a key twice, once with dots': 'trash.keep: 3d\ntrash:\n  keep: 4d\n',
  'a list': '- maxAge: 3d\n',
  'a JSON list': '["3d"]',
  'a text': 'thirty days\n',
  'a number': '30\n',
  'the text null': 'null\n',
  'tabs as indentation': 'trash:\n\tkeep: 3d\n',
  'an alias': 'maxAge: &age 3d\nminAge: *age\n',
  'an alias of nothing': 'maxAge: *age\n',
  'a merge key': 'x: &x {maxAge: 3d}\n<<: *x\n',
  'a key that is a list': '? [a, b]\n: 3d\n',
  'a key that is a map': '? {a: b}\n: 3d\n',
  'a null key': '? \n: 3d\n',
  'deep lists': `maxAge: ${'['.repeat(20_000)}`,
  'deep maps': '{"a":'.repeat(20_000),
  'deep maps that end': `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
  'a setting that is a map': 'maxAge:\n  days: 30\n',
  'a setting that is a list': 'maxAge: [30d]\n',
  'a map that is a setting': 'trash: 3d\n',
  'a map of nothing': 'trash:\n',
  'a setting of nothing': 'maxAge:\n',
  'a setting of ~': 'maxAge: ~\n',
  'a number of days': 'maxAge: 30\n',
  'a count with a fraction': 'keepLast: 1.0\n',
  'a count in hexadecimal': 'keepLast: 0x10\n',
  'yes for true': 'sweep:\n  dangling: yes\n',
  'a key named __proto__': '__proto__:\n  maxAge: 3d\n',
  'a key named __proto__ in JSON': '{"__proto__":{"maxAge":"3d"}}',
  'a key named constructor': 'constructor: 3d\n',
  'a key with a control character': '"max\\u001bAge": 3d\n',
  'bytes of no text': Buffer.from([0x00, 0xff, 0xfe, 0x80, 0x0a]),
  'UTF-16': Buffer.from('maxAge: 3d\n', 'utf16le'),
  'a project with an unknown key': 'projects:\n  - match: a\n    maxage: 3d\n',
  'a project with a key twice': 'projects:\n  - match: a\n    match: b\n',
  'a directory that is no path': 'claudeDir: [/srv/a, b]\n',
};

const WHOLE: Readonly<Record<string, string>> = {
  'an empty file': '',
  'comments alone': '# nothing yet\n',
  'an empty map': '{}\n',
  'JSON with tabs': '{\n\t"maxAge": "3d",\n\t"trash": {\n\t\t"keep": "5d"\n\t}\n}\n',
  'JSON with a byte order mark': '\uFEFF{"maxAge":"3d"}',
  'dots for levels': 'trash.keep: 3d\n',
  'a count that is a number': 'keepLast: 5\n',
  'line ends of another system': 'maxAge: 3d\r\nminAge: 2d\r\n',
};

export function configFileCases(): InputCase[] {
  const write =
    (text: string | Buffer) =>
    ({ directory }: { readonly directory: string }) =>
      writeFileSync(join(directory, 'config'), text);
  return [
    ...Object.entries(BROKEN).map(([name, text]): InputCase => {
      const common = { args: CHECK, prepare: write(text), environment: FROM_FILE };
      return { name: `file: ${name}`, ...common, codes: [78], names: ['{place}/config'] };
    }),
    ...Object.entries(WHOLE).map(([name, text]): InputCase => {
      return { name: `good: file: ${name}`, args: CHECK, prepare: write(text), codes: [0] };
    }),
    ...fileKinds(),
    ...misspelt(),
    ...severalFaults(),
  ];
}

function fileKinds(): InputCase[] {
  const config = (directory: string) => join(directory, 'config');
  const refused = (name: string, prepare: InputCase['prepare'], args = CHECK): InputCase => {
    return { name: `file: ${name}`, args, ...(prepare && { prepare }), codes: [78], names: ['--config'] };
  };
  return [
    refused('that is not there', undefined),
    refused('that is a directory', ({ directory }) => mkdirSync(config(directory))),
    refused('that is a symlink to nothing', ({ directory }) => symlinkSync('nothing', config(directory))),
    refused('that is a symlink to itself', ({ directory }) => symlinkSync('config', config(directory))),
    refused('without a name', undefined, ['check-config', '--config', '']),
    refused('with a name that breaks lines', undefined, ['check-config', '--config', '{place}/a\n\u001b[31mb']),
    refused('with a name of 5,000 characters', undefined, ['check-config', '--config', `/${'x'.repeat(5_000)}`]),
    {
      name: 'file: named by the environment and not there',
      args: ['check-config'],
      environment: { SWEEPER_CONFIG: '{place}/none' },
      codes: [78],
      names: ['{place}/none'],
    },
  ];
}

/** A letter too many, in every place that a setting can stand in. */
function misspelt(): InputCase[] {
  return [
    {
      name: 'misspelt flag',
      args: ['check-config', '--max-agex=1'],
      codes: [64, 78],
      names: ['--max-agex'],
    },
    {
      name: 'misspelt variable',
      args: ['check-config'],
      environment: { SWEEPER_MAX_AGEX: '1' },
      codes: [78],
      names: ['SWEEPER_MAX_AGEX', 'did you mean SWEEPER_MAX_AGE?'],
    },
    {
      name: 'misspelt key',
      args: CHECK,
      prepare: ({ directory }) => writeFileSync(join(directory, 'config'), 'maxAgex: 1\n'),
      codes: [78],
      names: ['maxAgex', 'did you mean maxAge?'],
    },
  ];
}

function severalFaults(): InputCase[] {
  const file = (text: string): Pick<InputCase, 'prepare'> => ({
    prepare: ({ directory }) => writeFileSync(join(directory, 'config'), text),
  });
  return [
    {
      name: 'several: from three places',
      args: [...CHECK, '--max-age', '30 dogs'],
      environment: { SWEEPER_KEEP_LAST: 'many', SWEEPER_MAXAGE: '3d' },
      ...file('minAge: soon\ntrash:\n  kep: 3d\n'),
      codes: [78],
      faults: 5,
      names: ['--max-age', 'SWEEPER_KEEP_LAST', 'SWEEPER_MAXAGE', 'minAge', 'trash.kep'],
    },
    {
      name: 'several: a value and a floor',
      args: ['check-config', '--max-age', 'x', '--min-age', '1s'],
      codes: [78],
      faults: 2,
      names: ['--max-age', /minAge: 1s/],
    },
    {
      name: 'several: a value, a floor and a ceiling',
      args: ['check-config', '--keep-last', 'x', '--min-age', '1s', '--run-deadline', '25d'],
      codes: [78],
      faults: 3,
      names: ['--keep-last', 'minAge', 'runDeadline'],
    },
    {
      name: 'several: a value and a pattern',
      args: ['check-config', '--max-age', 'x', '--schedule-prune', '99 * * * *'],
      codes: [78],
      faults: 2,
      names: ['--max-age', 'schedule.prune'],
    },
    {
      name: 'several: a time zone and a pattern',
      args: ['check-config', '--schedule-time-zone', 'Mars/X', '--schedule-purge', '99 * * * *'],
      codes: [78],
      faults: 2,
      names: ['--schedule-time-zone', 'schedule.purge'],
    },
    {
      name: 'several: a value and a place',
      args: ['check-config', '--max-age', 'x', '--state-dir', '{claude}/state'],
      codes: [78],
      faults: 3,
      names: ['--max-age', 'stateDir', 'sessions.db'],
    },
    {
      name: 'several: three patterns',
      args: ['check-config', '--schedule-prune', 'a', '--schedule-sweep', 'b', '--schedule-purge', 'c'],
      codes: [78],
      faults: 3,
      names: ['schedule.prune', 'schedule.sweep', 'schedule.purge'],
    },
    {
      name: 'several: all of a file',
      args: CHECK,
      ...file('maxAge: 1\nminAge: 2\nkeepLast: x\nlisten: y\nlogLevel: z\nfoo: 1\nbar.baz: 2\n'),
      codes: [78],
      faults: 7,
      names: ['maxAge', 'minAge', 'keepLast', 'listen', 'logLevel', 'foo', 'bar.baz'],
    },
  ];
}
