/** The parts of the status page that tell of sessions: what goes next, what the disk holds, and what is protected, by whom. */

import { formatBytes } from '../../format/byte-size.ts';
import { formatCount, formatNumber, formatReasons } from '../../format/counts.ts';
import type { NextSession } from '../../runs/run-look.ts';
import { shareBar } from './charts.ts';
import { type Html, html } from './html.ts';
import { type Shown, table } from './table.ts';
import type { StatusView } from './view.ts';

const NOT_YET = html`<p>It is not known yet: it is looked at by each prune of the daemon.</p>`;

export function nextSection({ look, hasDetails }: StatusView, shown: Shown): Html {
  return html`<section class="whole" aria-labelledby="next"><h2 id="next">What goes next, if nobody uses it</h2>${
    look === undefined ? NOT_YET : nextTable(look, hasDetails, shown)
  }</section>`;
}

function nextTable({ atMs, content }: NonNullable<StatusView['look']>, hasDetails: boolean, shown: Shown): Html {
  const { next, going } = content;
  if (next.length === 0) return html`<p>Nothing goes by its age alone, as the prune of ${shown.time(atMs)} saw it.</p>`;
  const rows = next.map((session) => [
    hasDetails
      ? html`<th scope="row" class="face">${titleOf(session)}<br><span class="soft">${session.workingDirectory ?? session.project ?? '–'} · <code>${session.shortId}</code></span></th>`
      : html`<th scope="row" class="soft">not shown</th>`,
    html`<td>${shown.time(session.goesAtMs)}</td>`,
    html`<td>${shown.time(session.lastUsedMs)}</td>`,
    html`<td class="n">${formatBytes(session.bytes)}</td>`,
  ]);
  const more = going.sessions - next.length;
  return html`${table('The soonest first; each goes with the first prune after its time', ['Conversation', 'Not before', 'Last used', 'Size'], rows)}
<p class="soft">${more > 0 && `${formatCount(more, 'more session')} later. `}As the prune of ${shown.time(atMs)} saw it${
    hasDetails ? html`; <code>claude-session-sweeper why ID</code> says why, and <code>pin ID</code> keeps it` : ''
  }.</p>`;
}

function titleOf({ title, hasTranscript }: NextSession): string {
  return title ?? (hasTranscript ? '(no title)' : '(left over; its transcript is gone)');
}

const PROJECTS_SHOWN = 12;
const PLACES: Readonly<Record<string, string>> = { 'claude-dir': 'Claude directory', 'state-dir': 'state directory' };

export function diskSection({ look, states, disks, hasDetails }: StatusView): Html {
  const rows = states.map(({ state, sessions, bytes }) => [
    html`<th scope="row">${state}</th>`,
    html`<td class="n">${formatNumber(sessions)}</td>`,
    html`<td class="n">${formatBytes(bytes)}</td>`,
  ]);
  return html`<section class="whole" aria-labelledby="disk"><h2 id="disk">On the disk</h2>
${disks.map(
  ({ place, freeBytes, sizeBytes }) =>
    html`<p>Where the ${PLACES[place] ?? place} lies, ${formatBytes(freeBytes)} of ${formatBytes(sizeBytes)} are free.</p>`,
)}
${rows.length > 0 && table('Sessions by state', ['State', 'Sessions', 'Size'], rows)}
${look === undefined ? NOT_YET : hasDetails ? projectTable(look.content) : html`<p class="soft">${formatCount(projectsIn(look.content), 'project')}</p>`}</section>`;
}

type LookContent = NonNullable<StatusView['look']>['content'];

function projectsIn({ left, leftElsewhere }: LookContent): number {
  return left.length + (leftElsewhere?.projects ?? 0);
}

function projectTable(content: LookContent): Html {
  const shown = content.left.slice(0, PROJECTS_SHOWN);
  const others = content.left.slice(PROJECTS_SHOWN);
  const { leftElsewhere = { projects: 0, sessions: 0, bytes: 0 } } = content;
  const rest = {
    projects: others.length + leftElsewhere.projects,
    sessions: others.reduce((sum, { sessions }) => sum + sessions, leftElsewhere.sessions),
    bytes: others.reduce((sum, { bytes }) => sum + bytes, leftElsewhere.bytes),
  };
  const all = [
    ...shown.map(({ project, ...amount }) => ({ name: project ?? '(no project left)', ...amount })),
    ...(rest.projects > 0 ? [{ name: formatCount(rest.projects, 'more project'), ...rest }] : []),
  ];
  const most = Math.max(1, ...all.map(({ bytes }) => bytes));
  const rows = all.map(({ name, sessions, bytes }) => [
    html`<th scope="row" class="face">${name}${shareBar(bytes / most)}</th>`,
    html`<td class="n">${formatNumber(sessions)}</td>`,
    html`<td class="n">${formatBytes(bytes)}</td>`,
  ]);
  return rows.length === 0 ? html`` : table('By project, the largest first', ['Project', 'Sessions', 'Size'], rows);
}

export function protectedSection({ sources, look }: StatusView, shown: Shown): Html {
  const rows = sources.map(({ name, isUp, ids, onlyProtects, lastAnswerMs }) => [
    html`<th scope="row">${name}</th>`,
    html`<td>${isUp === undefined ? '–' : isUp ? html`<span class="good">up</span>` : html`<span class="bad">down</span>`}</td>`,
    html`<td class="n">${ids === undefined ? '–' : formatNumber(ids)}</td>`,
    html`<td class="n">${onlyProtects === undefined ? '–' : formatNumber(onlyProtects)}</td>`,
    html`<td>${shown.time(lastAnswerMs)}</td>`,
  ]);
  const reasons = formatReasons(look?.content.kept ?? {});
  return html`<section aria-labelledby="protected"><h2 id="protected">What is protected</h2>
${rows.length === 0 ? NOT_YET : table('Live sources: how many sessions each names, and how many it alone protects here', ['Source', 'State', 'Names', 'Alone', 'Last answer'], rows)}
${reasons !== '' && html`<p class="soft">What stays, by reason: ${reasons}.</p>`}</section>`;
}
