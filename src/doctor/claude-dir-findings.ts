/** Looks at one Claude directory for what endangers its sessions, wastes its space or keeps the worker from its work. */

import { statSync } from 'node:fs';
import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { cleanupPeriods } from '../claude-dir/cleanup-period.ts';
import { hidesNothing } from '../claude-dir/sibling-link.ts';
import type { Doubt, Units } from '../claude-dir/unit.ts';
import type { Clock } from '../clock.ts';
import { errorCode } from '../errors.ts';
import { type ByteName, displayName } from '../files/byte-name.ts';
import { formatBytes } from '../format/byte-size.ts';
import { shellWord } from '../format/shell-word.ts';
import { type ScanResult, scanHere } from '../scan/scan.ts';
import { Trash } from '../trash/trash.ts';
import { type CleanupView, cleanupFindings } from './cleanup-findings.ts';
import type { Finding } from './finding.ts';
import { otherFinding } from './other-findings.ts';
import { recordFindings } from './record-findings.ts';

const FREE_BYTES_MIN = 2 ** 30;
/** The permission bits by which group and others may read the directory. */
const FOREIGN_READ_BITS = 0o044;
const EXAMPLES_MAX = 3;
/** A person looks a command over before running it. */
const PATHS_IN_COMMAND_MAX = 20;

export function examineClaudeDir(
  claudeDir: ClaudeDir,
  cleanup: Omit<CleanupView, 'periods'>,
  clock: Clock,
  tempDirs: readonly string[],
): readonly Finding[] {
  const scan = scanHere(claudeDir);
  return [
    ...cleanupFindings({ ...cleanup, periods: cleanupPeriods(claudeDir.path) }),
    ...recordFindings(claudeDir, clock),
    ...linkFindings(claudeDir),
    ...sessionFindings(scan),
    ...projectFindings(claudeDir),
    trashFinding(claudeDir),
    otherFinding(claudeDir, tempDirs),
    spaceFinding(claudeDir),
    permissionFinding(claudeDir),
  ];
}

const DOUBTS: Readonly<Partial<Record<Doubt, string>>> = {
  'hard-linked': 'have files with a second name elsewhere, perhaps in a backup; they are kept',
  'foreign-owner': 'have files of another user; they are kept',
  unrecognised: 'hold something that no session has; they are kept',
  unreadable: 'cannot be read; they are kept',
  'other-filesystem': 'lie in part on another file system; they are kept',
};

function sessionFindings({ units, faults }: ScanResult): Finding[] {
  const orphans = { count: 0, bytes: 0 };
  const rowsByDoubt = new Map<Doubt, number[]>();
  for (let row = 0; row < units.length; row += 1) {
    if (!units.hasTranscript(row)) {
      orphans.count += 1;
      orphans.bytes += units.bytes(row);
    }
    const doubt = units.doubt(row);
    if (doubt === undefined) continue;
    const ofDoubt = rowsByDoubt.get(doubt);
    if (ofDoubt === undefined) rowsByDoubt.set(doubt, [row]);
    else ofDoubt.push(row);
  }
  const duplicates = rowsByDoubt.get('duplicate-id') ?? [];
  return [
    orphans.count === 0
      ? { check: 'orphans', level: 'ok', message: 'no companion without its transcript' }
      : {
          check: 'orphans',
          level: 'notice',
          message: `${orphans.count} sessions are left without a transcript (${formatBytes(orphans.bytes)}); they go when they are old enough`,
        },
    duplicates.length === 0
      ? { check: 'duplicates', level: 'ok', message: 'no id has two transcripts' }
      : {
          check: 'duplicates',
          level: 'problem',
          message: `${duplicates.length} ids have transcripts in two projects; Claude resumes the one of the directory it runs in, and both are kept: ${examples(units, duplicates)}`,
          advice: 'move one of each away, the one with the older or shorter transcript',
        },
    ...Object.entries(DOUBTS).flatMap(([doubt, meaning]): Finding[] => {
      const ofDoubt = rowsByDoubt.get(doubt as Doubt) ?? [];
      if (ofDoubt.length === 0) return [];
      return [
        {
          check: doubt,
          level: 'notice',
          message: `${ofDoubt.length} sessions ${meaning}: ${examples(units, ofDoubt)}`,
        },
      ];
    }),
    ...(faults.length === 0
      ? []
      : [
          {
            check: 'reading',
            level: 'problem' as const,
            message: `${faults.length} places cannot be read, e.g. ${displayName(faults[0]?.path ?? '')}: ${faults[0]?.code}`,
            advice: "run as the directory's owner, and look at the disk",
          },
        ]),
  ];
}

function examples(units: Units, rows: readonly number[]): string {
  const shown = rows.slice(0, EXAMPLES_MAX).map((row) => units.sessionId(row));
  return rows.length > shown.length ? `${shown.join(', ')}, …` : shown.join(', ');
}

function linkFindings({ link }: ClaudeDir): Finding[] {
  if (link === undefined) return [];
  const [path, ownPath] = [displayName(link.path), displayName(link.ownPath)];
  return [
    {
      check: 'linked projects',
      level: 'notice',
      message: `projects/ leads to ${path}, and lock and trash lie in ${ownPath}; what sessions have beside projects/ (file-history and the like) stays, for Claude's own clean-up`,
    },
  ];
}

function projectFindings(claudeDir: ClaudeDir): Finding[] {
  const check = 'projects';
  const entries = claudeDir.projects.entries();
  const directories = new Set<string>(entries.filter(({ kind }) => kind === 'directory').map(({ name }) => name));
  const links = entries
    .filter(({ name, kind }) => kind === 'other' && !hidesNothing(claudeDir, name, directories))
    .map(({ name }) => name);
  if (links.length === 0) return [{ check, level: 'ok', message: 'none is a symlink to elsewhere' }];
  const isLost = (name: ByteName) => leadsNowhere(claudeDir, name);
  const [lost, others] = [links.filter(isLost), links.filter((name) => !isLost(name))];
  const shown = (names: readonly ByteName[]) => names.slice(0, EXAMPLES_MAX).map(displayName).join(', ');
  const words = lost.map((name) => shellWord(`${Buffer.from(claudeDir.path).toString('latin1')}/projects/${name}`));
  const told: Finding[] = [
    {
      check,
      level: 'notice',
      message: `${others.length} are symlinks to elsewhere: what they lead to is not seen, and no orphan is removed: ${shown(others)}`,
      advice: 'name what they lead to as a Claude directory of its own, or make them directories',
    },
    {
      check,
      level: 'notice',
      message: `${lost.length} are symlinks that lead nowhere now, as to a disk that is not mounted: until they are gone, no orphan is removed: ${shown(lost)}`,
      advice: `mount what they lead to; or, where that is gone for good: rm ${words.slice(0, PATHS_IN_COMMAND_MAX).join(' ')}`,
    },
  ];
  return told.filter((_, index) => (index === 0 ? others : lost).length > 0);
}

/** A person asks, and may wait for a disk: a worker does not follow the link. */
function leadsNowhere(claudeDir: ClaudeDir, name: ByteName): boolean {
  const path = Buffer.concat([Buffer.from(`${claudeDir.path}/projects/`), Buffer.from(name, 'latin1')]);
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch (error) {
    return errorCode(error) === 'ELOOP';
  }
}

function trashFinding(claudeDir: ClaudeDir): Finding {
  const { link } = claudeDir;
  const check = 'trash';
  const trash = Trash.openIfThere(claudeDir);
  if (trash === undefined) return { check, level: 'ok', message: 'empty' };
  try {
    const { sessions, unreadableFolders } = trash.contents();
    const bytes = sessions.reduce((total, session) => total + session.bytes, 0);
    if (unreadableFolders.length === 0) {
      return { check, level: 'ok', message: `${sessions.length} sessions, ${formatBytes(bytes)}` };
    }
    const [{ run, code } = { run: '', code: '' }] = unreadableFolders;
    return {
      check,
      level: 'problem',
      message: `${unreadableFolders.length} runs cannot be read and are never purged, e.g. ${displayName(run)}: ${code}`,
      advice: `look at ${link === undefined ? 'session-sweeper/trash in the Claude directory' : `${displayName(link.ownPath)}/trash`}; the files there keep their old paths`,
    };
  } finally {
    trash.close();
  }
}

function spaceFinding({ root }: ClaudeDir): Finding {
  const check = 'free space';
  const { bytes: freeBytes } = root.room();
  if (freeBytes === undefined) return { check, level: 'ok', message: 'the file system does not say' };
  if (freeBytes >= FREE_BYTES_MIN) return { check, level: 'ok', message: formatBytes(freeBytes) };
  return {
    check,
    level: 'problem',
    message: `only ${formatBytes(freeBytes)}`,
    advice: 'purge the trash (trash purge --trash-keep 1d), or set maxTotalBytes or a shorter maxAge',
  };
}

function permissionFinding({ home, path }: ClaudeDir): Finding {
  const check = 'permissions';
  if ((home.mode & FOREIGN_READ_BITS) === 0) return { check, level: 'ok', message: 'for its owner alone' };
  return {
    check,
    level: 'notice',
    message: 'other users of this machine can list it',
    advice: `chmod go-rwx ${displayName(path)}`,
  };
}
