/** `doctor`: what endangers sessions, wastes space or keeps the worker from its work, and what to do about it. Looks only. */

import { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { claudeTempDirs } from '../claude-dir/other-use.ts';
import { systemClock } from '../clock.ts';
import { examineClaudeDir } from '../doctor/claude-dir-findings.ts';
import type { CleanupView } from '../doctor/cleanup-findings.ts';
import type { Finding } from '../doctor/finding.ts';
import { examineHost } from '../doctor/host-findings.ts';
import { vanishedFinding } from '../doctor/vanished-finding.ts';
import { errorMessage, OperatingError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { requireAnchoring } from '../files/anchoring.ts';
import { displayName } from '../files/byte-name.ts';
import { formatCount } from '../format/counts.ts';
import { Ledger } from '../ledger/ledger.ts';
import { createLogger } from '../log.ts';
import type { CommandContext } from './command.ts';
import { renderFinding } from './finding-lines.ts';
import { nothingYet } from './nothing-yet.ts';
import { runJobs } from './run.ts';

interface Examined {
  /** Undefined for what belongs to no Claude directory. */
  readonly claudeDir: string | undefined;
  readonly findings: readonly Finding[];
}

export async function runDoctor(context: CommandContext): Promise<number> {
  requireAnchoring();
  const { config } = context.resolved;
  const cleanup = await cleanupViews(context);
  const examined: Examined[] = [
    ...config.claudeDir.map((path) => ({
      claudeDir: displayName(path),
      findings: [...findingsOf(path, cleanup(path), context), ...vanishedFindings(path, config.stateDir)],
    })),
    { claudeDir: undefined, findings: await examineHost(config, systemClock) },
  ];
  const problems = examined.flatMap(({ findings }) => findings).filter(({ level }) => level === 'problem').length;
  const { io, json } = context;
  io.stdout.write(json ? `${JSON.stringify(toDocument(examined))}\n` : `${render(examined, problems, context)}\n`);
  return problems === 0 ? EXIT_CODES.ok : EXIT_CODES.problems;
}

type DirectoryView = Omit<CleanupView, 'periods'>;

/** Plans the next prune, as it would be: nothing else can tell what is kept, and why. */
async function cleanupViews(context: CommandContext): Promise<(claudeDir: string) => DirectoryView> {
  const { config } = context.resolved;
  const nowMs = systemClock.now();
  const [prune] = await runJobs({ ...context, dryRun: true, log: createLogger('silent') }, ['prune-transcripts']);
  const exposed = prune?.report?.job === 'prune-transcripts' ? prune.report.exposed : undefined;
  const unknown = prune?.failure?.message ?? 'it could not be looked at';
  return (claudeDir) => ({
    settings: config,
    exposure: sharing(claudeDir, config.claudeDir).flatMap((path) => exposed?.[displayName(path)] ?? [])[0] ?? {
      unknown,
    },
    lastPruneMs: lastPruneMs(config.stateDir, nowMs),
    nowMs,
  });
}

/** All directories that lead to the sessions of one: the plan tells of one of them. */
function sharing(path: string, paths: readonly string[]): readonly string[] {
  const identity = identityOf(path);
  return identity === undefined ? [path] : [path, ...paths.filter((other) => identityOf(other) === identity)];
}

function identityOf(path: string): string | undefined {
  try {
    const claudeDir = ClaudeDir.open(path);
    claudeDir.close();
    return claudeDir.identity;
  } catch (error) {
    // That it cannot be opened is a finding of its own.
    if (!(error instanceof OperatingError)) throw error;
    return undefined;
  }
}

/** Undefined where there is none, or it cannot be told. */
function lastPruneMs(stateDir: string, nowMs: number): number | undefined {
  try {
    const ledger = Ledger.openForReading(stateDir);
    try {
      return ledger?.lastWholeRunMs('prune-transcripts', ['ok', 'partial'], nowMs);
    } finally {
      ledger?.close();
    }
  } catch (error) {
    // That it cannot be read has a finding of its own.
    if (!(error instanceof OperatingError)) throw error;
    return undefined;
  }
}

/** None where the ledger cannot be read, of which there is a finding of its own. */
function vanishedFindings(path: string, stateDir: string): readonly Finding[] {
  try {
    const ledger = Ledger.openForReading(stateDir);
    try {
      return [vanishedFinding(ledger?.seenSessions.vanished(displayName(path)) ?? [], systemClock.now())];
    } finally {
      ledger?.close();
    }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return [];
  }
}

function findingsOf(path: string, cleanup: DirectoryView, { io, resolved }: CommandContext): readonly Finding[] {
  const nothing = isKnown(path, resolved.config.stateDir) ? undefined : nothingYet(resolved.config);
  if (nothing !== undefined) return [{ check: 'directory', level: 'notice', message: nothing }];
  return examine(path, cleanup, io.environment);
}

/** Whether sessions have been there: then it is gone, and not only not there yet. */
function isKnown(path: string, stateDir: string): boolean {
  try {
    const ledger = Ledger.openForReading(stateDir);
    try {
      return (ledger?.knownSessions(path) ?? 0) > 0;
    } finally {
      ledger?.close();
    }
  } catch (error) {
    // A ledger that cannot be read has a finding of its own, and knows of nothing that speaks against a look.
    if (!(error instanceof OperatingError)) throw error;
    return true;
  }
}

function examine(
  path: string,
  cleanup: DirectoryView,
  environment: CommandContext['io']['environment'],
): readonly Finding[] {
  let claudeDir: ClaudeDir | undefined;
  try {
    claudeDir = ClaudeDir.open(path);
    return examineClaudeDir(claudeDir, cleanup, systemClock, claudeTempDirs(claudeDir, environment));
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return [{ check: 'directory', level: 'problem', message: errorMessage(error) }];
  } finally {
    claudeDir?.close();
  }
}

function toDocument(examined: readonly Examined[]): object {
  return {
    findings: examined.flatMap(({ claudeDir, findings }) =>
      findings.map((finding) => ({ claudeDir: claudeDir ?? null, ...finding })),
    ),
  };
}

function render(examined: readonly Examined[], problems: number, { colors }: CommandContext): string {
  const blocks = examined.map(({ claudeDir, findings }) => {
    const lines = findings.map((finding) => renderFinding(finding, colors));
    return [colors.bold(claudeDir ?? 'This host'), ...lines].join('\n');
  });
  const verdict = problems === 0 ? 'Nothing needs doing.' : `${formatCount(problems, 'problem')}: see the arrows.`;
  return [...blocks, verdict].join('\n\n');
}
