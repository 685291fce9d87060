/**
 * Draws docs/pictures: what `list` shows of a made-up home, in a terminal of 100 columns, once for light pages and once for dark ones.
 * `npm run pictures`; needs `script` (util-linux).
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COLUMNS = 100;
const COMMAND = 'claude-session-sweeper list';
const DAY_MS = 86_400_000;

/** What a person could have at home: directory, title, days since it was last used, bytes, messages. */
const SESSIONS = [
  ['7c1f0e52', '/home/me/shop', 'Fix the flaky checkout test', 45, 3_100_000, 80],
  ['a94d2b18', '/home/me/shop', 'Move invoices to the new schema', 2, 820_000, 40],
  ['1e60b3c7', '/home/me/shop', 'Why is the search slow?', 38, 14_000_000, 210],
  ['d25c9f04', '/home/me/notes', 'Plan the talk about caching', 61, 220_000, 24],
  ['5b8e7a31', '/home/me/notes', 'Summarise the meeting', 12, 90_000, 12],
  ['e3f7c6d0', '/home/me/blog', 'Draft: what we learned', 33, 5_500_000, 130],
];

const COLOURS = {
  light: { page: '#ffffff', frame: '#d0d7de', text: '#1f2328', 31: '#cf222e', 32: '#1a7f37', 33: '#9a6700' },
  dark: { page: '#0d1117', frame: '#30363d', text: '#e6edf3', 31: '#ff7b72', 32: '#3fb950', 33: '#d29922' },
};
const ESCAPE = '\u001b';
const STYLE = new RegExp(`${ESCAPE}\\[(\\d+)m`);
const [CHARACTER_WIDTH, LINE_HEIGHT, MARGIN] = [8.4, 20, 16];

const top = fileURLToPath(new URL('..', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'pictures-'));
try {
  for (const session of SESSIONS) writeSession(...session);
  run('pin', 'checkout');
  const lines = shown(run('list'));
  mkdirSync(join(top, 'docs/pictures'), { recursive: true });
  for (const [name, colours] of Object.entries(COLOURS)) {
    writeFileSync(join(top, `docs/pictures/list-${name}.svg`), drawing([[`$ ${COMMAND}`], ...lines], colours));
  }
} finally {
  rmSync(home, { recursive: true });
}

function writeSession(head, cwd, title, days, bytes, messages) {
  const sessionId = `${head}-3c4d-4e5f-8a6b-7c8d9e0f1a2b`;
  const directory = join(home, '.claude/projects', cwd.replaceAll('/', '-'));
  const timeMs = Date.now() - days * DAY_MS;
  const padding = ' '.repeat(Math.max(0, Math.floor(bytes / messages) - 250));
  const entries = Array.from({ length: messages }, (_, index) => ({
    type: index % 2 === 0 ? 'user' : 'assistant',
    cwd,
    sessionId,
    timestamp: new Date(timeMs - (messages - index) * 60_000).toISOString(),
    message: { content: `${title}${padding}` },
  }));
  const path = join(directory, `${sessionId}.jsonl`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    path,
    [...entries, { type: 'ai-title', aiTitle: title }].map((entry) => `${JSON.stringify(entry)}\n`).join(''),
  );
  utimesSync(path, timeMs / 1_000, timeMs / 1_000);
}

/** In a terminal of its own. */
function run(...args) {
  const program = [process.execPath, join(top, 'dist/program/main.js'), ...args].map((word) => `'${word}'`).join(' ');
  return execFileSync('script', ['-qec', `stty cols ${COLUMNS} rows 40; ${program}`, '/dev/null'], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: home, TERM: 'xterm-256color', TZ: 'UTC' },
  });
}

/** The lines as a person sees them: a carriage return begins a line anew, progress is overwritten. Each line as pieces, with their styles between. */
function shown(output) {
  return output
    .replaceAll('\r\n', '\n')
    .trimEnd()
    .split('\n')
    .map(
      (line) =>
        line
          .replaceAll(`${ESCAPE}[K`, '\r')
          .split('\r')
          .findLast((piece) => piece !== '') ?? '',
    )
    .map((line) => line.split(STYLE));
}

function drawing(lines, colours) {
  const [width, height] = [Math.ceil(COLUMNS * CHARACTER_WIDTH) + 2 * MARGIN, lines.length * LINE_HEIGHT + 2 * MARGIN];
  const texts = lines.map((pieces, number) => {
    const y = MARGIN + (number + 0.75) * LINE_HEIGHT;
    return `<text x="${MARGIN}" y="${y}" xml:space="preserve">${spans(pieces, colours)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"
  aria-label="The output of ${COMMAND}: six conversations by title, with what becomes of each"
  font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="${colours.text}">
<rect width="${width}" height="${height}" rx="8" fill="${colours.page}" stroke="${colours.frame}"/>
${texts.join('\n')}
</svg>
`;
}

function spans(pieces, colours) {
  let [weight, fill] = ['', ''];
  return pieces
    .map((piece, index) => {
      if (index % 2 === 0) return piece === '' ? '' : `<tspan${weight}${fill}>${escaped(piece)}</tspan>`;
      if (piece === '1') weight = ' font-weight="bold"';
      if (piece === '22' || piece === '0') weight = '';
      if (piece === '39' || piece === '0') fill = '';
      if (colours[piece] !== undefined) fill = ` fill="${colours[piece]}"`;
      return '';
    })
    .join('');
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
