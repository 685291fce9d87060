/**
 * Takes Claude's own clean-up over: by its own setting, Claude is told to keep what it writes for so long that this program alone
 * decides what goes, and can be told to do again what it did before. Nothing but that one setting ever changes.
 */

import { OperatingError, systemError } from '../errors.ts';
import { displayName, fixedName } from '../files/byte-name.ts';
import { actingAs } from '../process/acting-as.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { readOwnRecord, removeOwnRecord, writeOwnRecord } from './own-record.ts';
import { applyEdit, rawValueOf, removalEdit, type SettingsEdit, settingEdit } from './settings-edit.ts';
import { objectOf } from './settings-file.ts';
import {
  backUpSettings,
  backupPathOf,
  dropBackup,
  encodeSettings,
  type OpenedSettings,
  openSettings,
  removeSettings,
  replaceSettings,
} from './settings-writer.ts';

/**
 * A hundred years. Claude takes any whole number up to 2^53 - 1, but from some 100,000,000 on the day before which it deletes is none
 * that a clock can show, and what happens then is nobody's promise. This one lies before 1970, and so before the time of any file.
 */
export const ADOPTED_DAYS = 36_500;
const SETTING = 'cleanupPeriodDays';
const RECORD = fixedName('adopted.json');
/** What Claude's settings are made with where there are none: as private as the directory is. */
const NEW_MODE_MASK = 0o666;

/** What is to be changed in one settings file; made first, shown, and then carried out or not. */
export interface SettingsChange {
  /** The file, behind all symlinks. */
  readonly file: string;
  /** The line that changes, from 1 on. */
  readonly line: number;
  /** The setting as it is written before and after; undefined where it is not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** Whether the file comes into being, or goes. */
  readonly makes: boolean;
  readonly removes: boolean;
  /** Where the old content is kept; undefined where there is none to keep. */
  readonly backup: string | undefined;
  /** @throws OperatingError (`bad-data`) where the file was changed since; `io` */
  carryOut(): void;
}

/** Why there is nothing to change. */
export type Unchanged = 'as-wanted' | 'never-adopted' | 'changed-since';

export type AdoptionPlan = SettingsChange | Unchanged;

/** What is remembered of an adoption; what it was before is remembered as it was written. */
interface AdoptionRecord {
  readonly days: number;
  /** Undefined where there was no such setting. */
  readonly before: string | undefined;
  readonly madeFile: boolean;
  /** What the file held where it held no settings at all. */
  readonly blank: string | undefined;
}

/** @throws OperatingError (`bad-data`) where Claude's settings cannot be understood: they are left as they are */
export function planAdoption(claudeDir: ClaudeDir): AdoptionPlan {
  const settings = open(claudeDir);
  const before = understood(settings, () => rawValueOf(settings.text, SETTING));
  if (Number.isSafeInteger(Number(before)) && Number(before) >= ADOPTED_DAYS) return 'as-wanted';
  const edit = understood(settings, () => settingEdit(settings.text, SETTING, String(ADOPTED_DAYS)));
  const madeFile = settings.bytes === undefined;
  return {
    ...changeOf(settings, edit, { before, after: String(ADOPTED_DAYS) }),
    makes: madeFile,
    backup: madeFile ? undefined : backupPathOf(settings),
    carryOut: () => {
      const blank = settings.text.trim() === '' ? settings.text : undefined;
      const record: AdoptionRecord = { days: ADOPTED_DAYS, before, madeFile, blank };
      asOwner(claudeDir, () => backUpSettings(settings));
      // Before the settings: a record of what did not come to pass does no harm.
      guarded(claudeDir, () => writeOwnRecord(claudeDir, RECORD, record));
      const mode = claudeDir.home.mode & NEW_MODE_MASK;
      asOwner(claudeDir, () =>
        replaceSettings(settings, encodeSettings(applyEdit(settings.text, edit), settings), mode),
      );
    },
  };
}

/** @throws OperatingError (`bad-data`) where Claude's settings cannot be understood: they are left as they are */
export function planReturn(claudeDir: ClaudeDir): AdoptionPlan {
  const settings = open(claudeDir);
  const record = readRecord(claudeDir) ?? recordFromBackup(claudeDir, settings);
  if (record === undefined) return 'never-adopted';
  const before = understood(settings, () => rawValueOf(settings.text, SETTING));
  // Somebody has decided otherwise since: that is none of ours.
  if (Number(before) !== record.days) return 'changed-since';
  const edit =
    record.before === undefined
      ? removalEdit(settings.text, SETTING)
      : settingEdit(settings.text, SETTING, record.before);
  if (edit === undefined) return 'changed-since';
  const edited = applyEdit(settings.text, edit);
  const isEmpty = edited.replace(/\s/g, '') === '{}';
  const text = isEmpty && record.blank !== undefined ? record.blank : edited;
  const removes = isEmpty && record.madeFile;
  return {
    ...changeOf(settings, edit, { before, after: record.before }),
    removes,
    carryOut: () => {
      asOwner(claudeDir, () => {
        if (removes) removeSettings(settings);
        else replaceSettings(settings, encodeSettings(text, settings), 0);
        dropBackup(settings);
      });
      guarded(claudeDir, () => removeOwnRecord(claudeDir, RECORD));
    },
  };
}

function changeOf(
  { path, text }: OpenedSettings,
  edit: SettingsEdit,
  values: Pick<SettingsChange, 'before' | 'after'>,
): Omit<SettingsChange, 'carryOut'> {
  // Where the setting itself stands, not the end of the line before it.
  const inserted = /^[,\s]*/.exec(edit.inserted)?.[0] ?? '';
  const removed = /^[,\s]*/.exec(edit.removed)?.[0] ?? '';
  const ahead = text.slice(0, edit.offset) + (edit.inserted === '' ? removed : inserted);
  const base = { file: path, line: ahead.split('\n').length, makes: false, removes: false, backup: undefined };
  return { ...base, ...values };
}

function open(claudeDir: ClaudeDir): OpenedSettings {
  return asOwner(claudeDir, () => openSettings(`${claudeDir.path}/settings.json`));
}

/** So that root is led to nothing, by a symlink, that is not the owner's anyway. */
function asOwner<T>({ root }: ClaudeDir, act: () => T): T {
  return actingAs({ uid: root.uid, gid: root.gid }, act);
}

function understood<T>({ path }: OpenedSettings, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    throw new OperatingError('bad-data', `${displayName(path)} is no settings file (${fault}); it is left as it is`, {
      cause: error,
    });
  }
}

function guarded<T>({ path }: ClaudeDir, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw systemError(`remember what Claude's settings in ${displayName(path)} were`, error);
  }
}

function readRecord(claudeDir: ClaudeDir): AdoptionRecord | undefined {
  const record = objectOf(guarded(claudeDir, () => readOwnRecord(claudeDir, RECORD)));
  if (typeof record?.days !== 'number') return undefined;
  const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    days: record.days,
    before: textOf(record.before),
    madeFile: record.madeFile === true,
    blank: textOf(record.blank),
  };
}

/** Where the record is lost, the backup tells as much. */
function recordFromBackup(claudeDir: ClaudeDir, settings: OpenedSettings): AdoptionRecord | undefined {
  const backup = asOwner(claudeDir, () => openSettings(backupPathOf(settings)));
  if (backup.bytes === undefined) return undefined;
  const before = understood(backup, () => rawValueOf(backup.text, SETTING));
  const blank = backup.text.trim() === '' ? backup.text : undefined;
  return { days: ADOPTED_DAYS, before, madeFile: false, blank };
}
