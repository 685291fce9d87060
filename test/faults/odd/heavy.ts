/** One session that is heavier than all others together: it goes or stays as they do, and nobody waits for its sake. */

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start } from '../../support/process.ts';
import { DAY_MS } from '../../support/tree.ts';
import type { TroubledPlace } from '../resources/place.ts';
import { oddId } from './in-sessions.ts';
import type { Shape } from './shape.ts';

const OLD_SECONDS = (Date.now() - 60 * DAY_MS) / 1_000;
let longestMs: number | undefined;

/** The longest that a writer of the map had to wait beside a heavy session; undefined where there was none. */
export function longestWait(): number | undefined {
  return longestMs;
}

function makeHeavy(place: TroubledPlace, files: number): void {
  const directory = join(place.projectOf(place.plain), oddId(30), 'tool-results');
  mkdirSync(directory, { recursive: true });
  for (let number = 0; number < files; number += 1) {
    const path = join(directory, `${number}.txt`);
    writeFileSync(path, '');
    utimesSync(path, OLD_SECONDS, OLD_SECONDS);
  }
  const transcript = join(place.projectOf(place.plain), `${oddId(30)}.jsonl`);
  writeFileSync(transcript, '{}\n');
  utimesSync(transcript, OLD_SECONDS, OLD_SECONDS);
}

/** Writes a row of its own again and again, and tells how long each time took. */
const WRITER = `
  const database = new (require('better-sqlite3'))(process.argv[1], { timeout: 60000 });
  const write = database.prepare("INSERT OR REPLACE INTO claude_sdk_sessions VALUES ('forgejo:a:acme/writer:1', '${oddId(31)}', ?, ?)");
  process.on('SIGTERM', () => process.exit(0));
  setInterval(() => {
    const before = performance.now();
    write.run(Date.now(), Date.now());
    process.stdout.write((performance.now() - before) + '\\n');
  }, 2);`;

const heavy: readonly Shape[] = ([20_000, 100_000] as const).map((files) => ({
  name: `a session of ${files} files, and a writer of the map`,
  isShort: files === 20_000,
  make: (place) => {
    makeHeavy(place, files);
    const writer = start(process.execPath, ['-e', WRITER, join(place.stateDir, 'sessions.db')], {
      cwd: new URL('../../../..', import.meta.url).pathname,
      env: {},
    });
    return {
      end: async () => {
        writer.kill('SIGTERM');
        const { stdout } = await writer.exit;
        const waits = stdout.trim().split('\n').map(Number);
        place.expect(waits.length > 10, 'the writer has hardly written');
        longestMs = Math.max(longestMs ?? 0, ...waits);
      },
    };
  },
}));

const growing: readonly Shape[] = [
  {
    name: 'a transcript that grows while it is read, without end',
    isShort: true,
    make: (place) => {
      const path = join(place.projectOf(place.plain), `${oddId(32)}.jsonl`);
      const grow = 'while :; do printf "%s\\n" "{\\"type\\":\\"user\\"}" >> "$1"; touch -d @1700000000 "$1"; done';
      const writer = start('sh', ['-c', grow, 'sh', path]);
      return {
        stays: [path],
        end: async () => {
          writer.kill('SIGKILL');
          await writer.exit;
        },
      };
    },
  },
];

export const HEAVY_SHAPES: readonly Shape[] = [...heavy, ...growing];
