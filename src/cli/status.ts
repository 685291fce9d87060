/** `status`: how the worker and the disk are doing. Looks only. */

import { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { claudeTempDirs, type OtherUse, otherUses } from '../claude-dir/other-use.ts';
import { parseSessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import { Schedule, scheduleSettings } from '../daemon/schedule.ts';
import { databaseUses } from '../doctor/database-findings.ts';
import { formerStateFinding } from '../doctor/former-state-finding.ts';
import { OperatingError } from '../errors.ts';
import { displayName } from '../files/byte-name.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatAmount, formatCount, formatReasons } from '../format/counts.ts';
import { JOB_NAMES, type JobName } from '../jobs/job-names.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import type { ListedSession, ProjectUse, SessionUse } from '../jobs/report.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { FinishedRun } from '../ledger/runs.ts';
import { createLogger } from '../log.ts';
import { type RunResult, shownFaults } from '../runs/run-result.ts';
import type { CommandContext } from './command.ts';
import { type DaemonStatus, daemonDocument, readDaemons, renderDaemons } from './daemon-status.ts';
import { withSessionIndex } from './find-sessions.ts';
import { renderFinding } from './finding-lines.ts';
import { sessionDocument } from './list.ts';
import { nothingYet } from './nothing-yet.ts';
import { exitCodeOf, runJobs } from './run.ts';
import { pruneOf, renderHeld, toDocument } from './run-output.ts';
import { renderFaces, renderSessions, shownFace, shownProject, usedText } from './session-columns.ts';
import { renderSources, sourceDocument, sourceStatuses } from './source-status.ts';
import { renderTable } from './table.ts';
import { formatAge, formatTime } from './terminal.ts';

const PROJECTS_LISTED = 15;
const OTHERS_LISTED = 8;
/** Sessions of a project that are asked for its path. */
const ASKED_OF_PROJECT = 3;
/** What time alone takes, however far off that is. */
const NEXT: ListingRequest = { which: 'all', order: 'soonest', limit: 10, goesWithinMs: Number.MAX_VALUE };

interface JobStatus {
  readonly job: JobName;
  readonly last: FinishedRun | undefined;
  readonly nextMs: number | undefined;
}

export async function showStatus(context: CommandContext): Promise<number> {
  const jobs = readJobs(context);
  const look = { ...context, dryRun: true, log: createLogger('silent') };
  const [prune] = await runJobs(look, ['prune-transcripts'], {
    listsRemoved: context.json ? 'all' : 'none',
    lists: NEXT,
  });
  if (prune === undefined) return exitCodeOf([], true);
  const others = readOthers(context);
  const daemons = readDaemons(context.resolved.config);
  const links = readLinks(context);
  const { io, json } = context;
  io.stdout.write(
    json
      ? `${JSON.stringify(statusDocument(jobs, prune, others, links, daemons, context.resolved))}\n`
      : `${renderStatus(jobs, prune, others, links, daemons, context)}\n`,
  );
  return exitCodeOf([prune], io.shutdown.aborted);
}

function readJobs({ resolved: { config } }: CommandContext): JobStatus[] {
  const schedule = new Schedule({
    ...scheduleSettings(config),
    clock: systemClock,
    onDue: () => undefined,
  });
  const ledger = Ledger.openForReading(config.stateDir);
  try {
    return JOB_NAMES.map((job) => ({ job, last: ledger?.lastRun(job), nextMs: schedule.nextRunMs(job) }));
  } finally {
    ledger?.close();
    schedule.stop();
  }
}

/** A `projects/` that is a symlink: where its sessions really are, and where this program's lock and trash are. */
interface LinkOfDir {
  readonly claudeDir: string;
  readonly projects: string;
  readonly own: string;
}

function readLinks(context: CommandContext): LinkOfDir[] {
  return inEachDir(context, ({ link, path }) =>
    link === undefined
      ? []
      : [{ claudeDir: displayName(path), projects: displayName(link.path), own: displayName(link.ownPath) }],
  );
}

interface OtherUseOfDir extends OtherUse {
  readonly claudeDir: string;
}

/** What fills the Claude directories beside sessions, the biggest first. */
function readOthers(context: CommandContext): readonly OtherUseOfDir[] {
  const others = inEachDir(context, (claudeDir) => {
    const uses = otherUses(claudeDir, claudeTempDirs(claudeDir, context.io.environment));
    return uses.map((use) => ({ claudeDir: displayName(claudeDir.path), ...use }));
  });
  return others.sort((left, right) => right.diskBytes - left.diskBytes);
}

function inEachDir<T>({ resolved: { config } }: CommandContext, look: (claudeDir: ClaudeDir) => readonly T[]): T[] {
  return config.claudeDir.flatMap((path) => {
    let claudeDir: ClaudeDir | undefined;
    try {
      claudeDir = ClaudeDir.open(path);
      return look(claudeDir);
    } catch (error) {
      // The prune that was foreseen tells why.
      if (!(error instanceof OperatingError)) throw error;
      return [];
    } finally {
      claudeDir?.close();
    }
  });
}

function statusDocument(
  jobs: readonly JobStatus[],
  prune: RunResult,
  others: readonly OtherUseOfDir[],
  links: readonly LinkOfDir[],
  daemons: readonly DaemonStatus[],
  { config }: CommandContext['resolved'],
): object {
  const { projects, largest, oldest, listed } = pruneOf(prune) ?? {};
  return {
    daemons: daemons.map(daemonDocument),
    jobs: jobs.map(({ job, last, nextMs }) => ({
      job,
      lastRun: last === undefined ? null : { outcome: last.outcome, startedAt: new Date(last.startedAtMs) },
      nextRun: nextMs === undefined ? null : new Date(nextMs),
    })),
    nextPrune: toDocument(prune),
    sources: sourceStatuses(prune, config).map(sourceDocument),
    projects,
    largest,
    oldest,
    nextToGo: listed?.sessions.map(sessionDocument) ?? [],
    databases: databaseUses(config),
    others,
    links,
    formerState: formerStateFinding(config) ?? null,
  };
}

function renderStatus(
  jobs: readonly JobStatus[],
  prune: RunResult,
  others: readonly OtherUseOfDir[],
  links: readonly LinkOfDir[],
  daemons: readonly DaemonStatus[],
  context: CommandContext,
): string {
  const { colors } = context;
  const nowMs = systemClock.now();
  const { observed, removed, kept, trash, projects = [], largest = [], listed } = pruneOf(prune) ?? {};
  const next = listed?.sessions ?? [];
  const runs = jobs.map(({ job, last, nextMs }) => [
    job,
    last === undefined ? 'never' : `${last.outcome}, ${formatAge(last.startedAtMs, nowMs)}`,
    formatTime(nextMs),
  ]);
  const formerState = formerStateFinding(context.resolved.config);
  const blocks = [
    renderDaemons(daemons, nowMs),
    renderTable(['JOB', 'LAST RUN', 'NEXT RUN (while a daemon runs)'], runs, colors),
    ...(formerState === undefined ? [] : [renderFinding(formerState, colors)]),
  ];
  const sources = renderSources(sourceStatuses(prune, context.resolved.config), context, nowMs);
  if (sources !== undefined) blocks.push(sources);
  if (links.length > 0) {
    blocks.push(
      links.map((link) => `${link.claudeDir}/projects is ${link.projects}; trash: ${link.own}/trash`).join('\n'),
    );
  }
  const nothing = nothingYet(context.resolved.config);
  if (nothing !== undefined && prune.failure === undefined) return [...blocks, nothing].join('\n\n');
  if (prune.failure !== undefined) {
    return [...blocks, `${colors.red(prune.failure.kind)}: ${prune.failure.message}`].join('\n\n');
  }
  if (observed !== undefined && removed !== undefined) {
    const why = removed.sessions > 0 ? ` (${formatReasons(removed.byReason)})` : '';
    blocks.push(
      [
        `On disk          ${formatAmount(observed)}, ${formatBytes(observed.diskBytes)} of the disk`,
        `Next prune takes ${formatAmount(removed)}${why}`,
        `It keeps         ${formatReasons(kept ?? {}) || 'nothing'}`,
        `In the trash     ${formatAmount(trash ?? { sessions: 0, bytes: 0 })}`,
      ].join('\n'),
    );
  }
  if (projects.length > 0) blocks.push(renderProjects(projects, context));
  if (largest.length > 0) blocks.push(renderLargest(largest, context));
  if (next.length > 0) blocks.push(renderNextToGo(next, context));
  if (others.length > 0) blocks.push(renderOthers(others, colors));
  blocks.push(...renderHeld(prune, context));
  for (const { kind, message } of shownFaults(prune)) blocks.push(`${colors.yellow(kind)}: ${message}`);
  return blocks.join('\n\n');
}

function renderOthers(others: readonly OtherUseOfDir[], colors: CommandContext['colors']): string {
  const rows = others.slice(0, OTHERS_LISTED).map(({ path, diskBytes, files, isCutOff }) => {
    const more = isCutOff ? '> ' : '';
    return [path, `${more}${formatBytes(diskBytes)}`, `${more}${files}`];
  });
  const title = colors.bold("No session's, and not touched");
  return `${title}\n${renderTable(['PLACE', 'OF THE DISK', 'FILES'], rows, colors, [1, 2])}`;
}

/** By its real path, where all that were asked tell the same one. */
function renderProjects(projects: readonly ProjectUse[], context: CommandContext): string {
  const { colors } = context;
  const nowMs = systemClock.now();
  const biggest = projects.toSorted((left, right) => right.bytes - left.bytes).slice(0, PROJECTS_LISTED);
  const paths = realPaths(biggest, context);
  const rows = biggest.map(({ project, sessions, bytes, lastUsedMs }) => {
    const shown = project === undefined ? '(no project left)' : (paths.get(project) ?? project);
    return [String(sessions), formatBytes(bytes), formatAge(lastUsedMs, nowMs), shown];
  });
  const table = renderTable(['SESSIONS', 'SIZE', 'LAST USED', 'PROJECT'], rows, colors, [0, 1]);
  const more = projects.length - rows.length;
  return more > 0 ? `${table}\n… and ${formatCount(more, 'more project')}` : table;
}

/** By the names of the projects' directories. */
function realPaths(projects: readonly ProjectUse[], context: CommandContext): ReadonlyMap<string, string> {
  const names = new Set(projects.flatMap(({ project }) => project ?? []));
  const paths = withSessionIndex(context, (index) => index.projectPaths(ASKED_OF_PROJECT, names));
  return new Map(
    Array.from(paths).flatMap(([project, [path, ...others]]) => {
      const isOne = path !== undefined && others.length === 0;
      return isOne ? [[project, shownProject({ workingDirectory: path, project }, context.io.home)]] : [];
    }),
  );
}

/** By what a person knows each by, with as much of its id as tells it from all others. */
function renderLargest(largest: readonly SessionUse[], context: CommandContext): string {
  const { io, colors } = context;
  const nowMs = systemClock.now();
  const rows = withSessionIndex(context, (index) =>
    largest.map(({ sessionId, bytes, lastUsedMs, project }) => {
      const id = parseSessionId(sessionId);
      const session = id && index.session(id);
      const face = session === undefined ? [project ?? '-', ''] : shownFace(session, io.home);
      const shortId = id === undefined ? sessionId : index.shortIdOf(id);
      return [shortId, usedText(lastUsedMs, nowMs), formatBytes(bytes), ...face];
    }),
  );
  const shown = { nowMs, home: io.home, colors, stream: io.stdout };
  const heading = ['ID', 'LAST USED', 'SIZE', 'PROJECT', 'TITLE'];
  return `${colors.bold('Largest sessions')}\n${renderFaces(heading, rows, shown)}`;
}

function renderNextToGo(sessions: readonly ListedSession[], { io, colors }: CommandContext): string {
  const shown = { nowMs: systemClock.now(), home: io.home, colors, stream: io.stdout };
  return `${colors.bold('Next to go, if nobody uses them')}\n${renderSessions(sessions, shown)}`;
}
