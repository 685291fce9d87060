/** Makes inputs by chance, from a seed: mostly almost right, since that is where a parser errs. */

import { MEANINGS } from './grammar.ts';

export type FuzzCase =
  | { readonly kind: 'setting'; readonly path: string; readonly origin: 'flag' | 'environment'; readonly text: string }
  | { readonly kind: 'file'; readonly text: string }
  | { readonly kind: 'sessions-json'; readonly bytes: Buffer }
  | { readonly kind: 'id'; readonly text: string }
  | { readonly kind: 'key'; readonly text: string };

type Random = () => number;

const PATHS = Object.keys(MEANINGS);
const UNITS = [
  'ms',
  's',
  'm',
  'h',
  'd',
  'w',
  'B',
  'kB',
  'KB',
  'MB',
  'GB',
  'TB',
  'KiB',
  'MiB',
  'GiB',
  'TiB',
  '',
  'D',
  'min',
  'Kb',
  'kiB',
];
const WORDS = [
  'never',
  'off',
  'true',
  'false',
  'null',
  'NaN',
  'Infinity',
  '1e3',
  '0x10',
  '-1',
  '+1',
  '1.0',
  '',
  '007',
  '1_000',
  '٣',
  'info',
  'silent',
  'INFO',
  'forgejo',
  'a b',
  'a:b',
];
const ADDRESSES = [
  '127.0.0.1:80',
  '[::1]:9842',
  'localhost:65535',
  'localhost:65536',
  '::1:80',
  ':80',
  'a_b:1',
  'h:00080',
  '[::1]',
];
const PLACES = ['/srv/a.db', '/srv//a/', '/srv/./a', '/srv/../a', '/srv/..a', 'srv', '/a/..', '/a...', '/', '//'];
const ODD = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '\n',
  '\t',
  '\u0000',
  '\u001b',
  '\u007f',
  '\u2028',
  '\ufeff',
  'é',
  '\ud83d',
  '0',
  '-',
  '.',
  'e',
  '#',
  '/',
  '*',
  '&',
  '!',
  '%',
  '_',
  "'",
];

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
const whole = (random: Random, limit: number) => Math.floor(random() * limit);

/** Changes a text a little: cuts, repeats, adds or swaps. */
export function mutate(text: string, random: Random): string {
  const [at, length] = [whole(random, text.length + 1), whole(random, 4)];
  switch (whole(random, 6)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(at + length);
    case 2:
      return text.slice(0, at) + pick(random, ODD) + text.slice(at);
    case 3:
      return text.slice(0, at) + pick(random, ODD) + text.slice(at + 1);
    case 4:
      return text.slice(0, at + length) + text.slice(at);
    default:
      return text.slice(0, at) + text.slice(at, at + length).toUpperCase() + text.slice(at + length);
  }
}

function sometimesMutated(text: string, random: Random, share: number): string {
  return random() < share ? mutate(text, random) : text;
}

const project = (random: Random) => ({
  ...(random() < 0.95 ? { match: pick(random, ['-srv-*', 'a', '', '*']) } : {}),
  ...(random() < 0.5 ? { maxAge: pick(random, ['2d', 'never', '0', '30 dogs']) } : {}),
  ...(random() < 0.3 ? { keepLast: pick<unknown>(random, [3, '3', 1.5, -1, 1_000_001]) } : {}),
  ...(random() < 0.05 ? { maxage: '1d' } : {}),
});
const projectsOf = (random: Random) => Array.from({ length: whole(random, 3) }, () => project(random));

function settingText(path: string, random: Random): string {
  if (path === 'projects') return sometimesMutated(JSON.stringify(projectsOf(random)), random, 0.4);
  if (path === 'sessions.db' && random() < 0.8) return sometimesMutated(pick(random, PLACES), random, 0.3);
  if (path === 'listen' && random() < 0.8) return sometimesMutated(pick(random, ADDRESSES), random, 0.3);
  if (random() < 0.3) return sometimesMutated(pick(random, WORDS), random, 0.3);
  const number = String(whole(random, 10 ** whole(random, 18)));
  return sometimesMutated(number + (path === 'keepLast' ? '' : pick(random, UNITS)), random, 0.25);
}

function configText(random: Random): string {
  const document: Record<string, unknown> = {};
  for (let count = whole(random, 6); count > 0; count -= 1) {
    const path = random() < 0.05 ? mutate(pick(random, PATHS), random) : pick(random, PATHS);
    const value = path === 'projects' && random() < 0.8 ? projectsOf(random) : goodOrBad(path, random);
    const [outer = '', inner] = path.split('.');
    if (inner === undefined || random() < 0.2) document[path] = value;
    else document[outer] = { ...(document[outer] as object | undefined), [inner]: value };
  }
  const text = JSON.stringify(document, undefined, pick(random, [0, 1, 2, '\t']));
  return sometimesMutated(text, random, 0.4);
}

/** Mostly something that the setting takes: a file of five faults tells less than a file of one. */
function goodOrBad(path: string, random: Random): unknown {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const text = settingText(path, random);
    if (random() < 0.08 || MEANINGS[path]?.(text) !== undefined)
      return random() < 0.9 ? text : (numberOf(text) ?? text);
  }
  return pick<unknown>(random, [null, true, 5, [], {}, ['x']]);
}

function numberOf(text: string): number | undefined {
  return /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : undefined;
}

function idText(random: Random): string {
  const hex = Array.from({ length: 32 }, () => whole(random, 16).toString(16)).join('');
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return sometimesMutated(id, random, 0.03);
}

function keyText(random: Random): string {
  const parts = [
    pick(random, ['forgejo', 'github', '', 'a%', 'A_']),
    pick(random, ['foreman', 'architect', 'reviewer', 'é']),
    pick(random, ['acme/app', 'acme/my_app', 'x']),
    String(whole(random, 5)),
  ];
  return sometimesMutated(parts.slice(whole(random, 3)).join(':'), random, 0.1);
}

function sessionsJson(random: Random): Buffer {
  const rows = Array.from({ length: whole(random, 6) }, () => `${JSON.stringify(keyText(random))}:${rowText(random)}`);
  const text = `{${rows.join(pick(random, [',', ', ', ',\n  ']))}}${pick(random, ['', '\n'])}`;
  const bytes = Buffer.from(sometimesMutated(text, random, 0.35));
  if (random() < 0.05 && bytes.length > 0) bytes[whole(random, bytes.length)] = whole(random, 256);
  return bytes;
}

function rowText(random: Random): string {
  if (random() < 0.3) return JSON.stringify(idText(random));
  const time =
    random() < 0.97
      ? String(1_790_000_000_000 + whole(random, 10 ** 9))
      : pick(random, [
          '0',
          '-0',
          '-1',
          '1.5',
          '1e3',
          '1e400',
          '01',
          'null',
          '"1"',
          '1.0',
          '9007199254740992',
          'true',
          '{}',
          '1E+2',
          '.5',
          '1.',
        ]);
  const fields = [`"id":${JSON.stringify(idText(random))}`, `"last_used_at":${time}`];
  if (random() < 0.2)
    fields.push(
      pick(random, [
        '"note":"x"',
        '"extra":null',
        '"n":-1.5e-3',
        '"id":"x"',
        '"list":[]',
        '"__proto__":1',
        '"\\u0069d":"x"',
        '"o":{}',
        '"t":"\\ud83d"',
      ]),
    );
  if (random() < 0.02) fields.splice(whole(random, 2), 1);
  return `{${(random() < 0.5 ? fields : fields.toReversed()).join(',')}}`;
}

const MAKERS: readonly (readonly [share: number, make: (random: Random) => FuzzCase])[] = [
  [0.4, (random) => ({ kind: 'sessions-json', bytes: sessionsJson(random) })],
  [0.3, (random) => settingCase(random)],
  [0.2, (random) => ({ kind: 'file', text: configText(random) })],
  [0.05, (random) => ({ kind: 'id', text: sometimesMutated(idText(random), random, 0.5) })],
  [
    0.05,
    (random) => ({
      kind: 'key',
      text: random() < 0.02 ? 'x'.repeat(1_020 + whole(random, 10)) : mutate(keyText(random), random),
    }),
  ],
];

function settingCase(random: Random): FuzzCase {
  const path = pick(random, PATHS);
  return {
    kind: 'setting',
    path,
    origin: pick(random, ['flag', 'environment'] as const),
    text: settingText(path, random),
  };
}

export function generate(count: number, random: Random): FuzzCase[] {
  return Array.from({ length: count }, () => {
    let rest = random();
    for (const [share, make] of MAKERS) {
      if (rest < share) return make(random);
      rest -= share;
    }
    return settingCase(random);
  });
}
