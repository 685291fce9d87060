/** After the program is put together: its manual page and its completion for each shell, as it prints them itself. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DIST = new URL('../dist/', import.meta.url);
const MAIN = fileURLToPath(new URL('program/main.js', DIST));
const ship = (name, ...args) => writeFileSync(new URL(name, DIST), execFileSync(process.execPath, [MAIN, ...args]));

mkdirSync(new URL('completions/', DIST), { recursive: true });
ship('claude-session-sweeper.1', 'manual');
ship('completions/claude-session-sweeper.bash', 'completion', 'bash');
ship('completions/_claude-session-sweeper', 'completion', 'zsh');
ship('completions/claude-session-sweeper.fish', 'completion', 'fish');
