/** The status page: what goes on here, for a person with a browser. It needs no script and loads nothing; it changes nothing. */

import { formatBytes } from '../../format/byte-size.ts';
import { formatCount } from '../../format/counts.ts';
import { dayPlot } from './charts.ts';
import { type Html, html } from './html.ts';
import { diskSection, nextSection, protectedSection } from './sessions.ts';
import { type Shown, shownFor, table, timeCell } from './table.ts';
import { DAYS_SHOWN, type JobView, type StatusView, type TrashView } from './view.ts';

export const STYLE_PATH = '/status.css';

/** Where there is nothing to show: why, for whoever may know. */
export function brokenPage(message: string | undefined, host: string): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not readable · ${host} · claude-session-sweeper</title><link rel="stylesheet" href="${STYLE_PATH}"></head>
<body><header><h1>claude-session-sweeper</h1><p class="soft">${host}</p></header>
<main><section><h2><span class="bad">What runs have written down cannot be read</span></h2>
<p>${message ?? html`<code>claude-session-sweeper doctor</code> says why, on the host.`}</p></section></main></body></html>
`;
  return page.toString();
}

export function statusPage(view: StatusView, host: string): string {
  const shown = shownFor(view);
  const verdict = verdictOf(view);
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${verdict.title} · ${host} · claude-session-sweeper</title><link rel="stylesheet" href="${STYLE_PATH}"></head>
<body><a class="skip" href="#status">To the status</a>
<header><h1>claude-session-sweeper</h1><p class="soft">${host}, version ${view.version}, as of ${shown.time(view.nowMs)} (${shown.zone})</p></header>
<main id="status">
${[verdictSection(view, verdict, shown), jobsSection(view, shown), trashSection(view, shown), nextSection(view, shown)]}
${[daysSection(view), protectedSection(view, shown), diskSection(view)]}
</main>
<footer><p class="soft">This page changes nothing; the commands of <code>claude-session-sweeper help</code> do. Also served here:
<a href="/metrics">/metrics</a>, <a href="/healthz">/healthz</a> and <a href="/readyz">/readyz</a>.</p></footer></body></html>
`;
  return page.toString();
}

interface Verdict {
  readonly title: string;
  readonly level: 'good' | 'warn' | 'bad';
}

function verdictOf({ held, faults, exposed, problems, sources, jobs }: StatusView): Verdict {
  const findings = problems?.findings ?? [];
  const bad =
    findings.filter(({ level }) => level === 'problem').length +
    faults.length +
    sources.filter(({ isUp }) => isUp === false).length;
  if (bad > 0) return { title: formatCount(bad, 'problem'), level: 'bad' };
  if (held.length > 0) return { title: 'Held back', level: 'warn' };
  if (exposed > 0) return { title: `${formatCount(exposed, 'session')} exposed`, level: 'warn' };
  if (jobs.every(({ last }) => last === undefined)) return { title: 'Nothing has run yet', level: 'warn' };
  return { title: 'All is well', level: 'good' };
}

function verdictSection(view: StatusView, { title, level }: Verdict, shown: Shown): Html {
  const items = [...heldItems(view), ...problemItems(view)];
  const looked =
    view.problems === undefined
      ? html`<p class="soft">What <code>doctor</code> would say of this host is being looked at; it is shown from the next minute on.</p>`
      : html`<p class="soft">What <code>doctor</code> says of this host, as of ${shown.time(view.problems.atMs)}, is among this; of the Claude directories it says more.</p>`;
  return html`<section class="whole" aria-labelledby="verdict"><h2 id="verdict"><span class="${level}">${title}</span></h2>
${items.length > 0 && html`<ul class="plain">${items}</ul>`}${looked}</section>`;
}

function heldItems({ held, hasDetails }: StatusView): readonly Html[] {
  return held.map(({ job, guard, message, allowWith }) => {
    const command = hasDetails ? allowWith : 'claude-session-sweeper status';
    return html`<li><span class="warn">Held back:</span> ${job}, by the guard <code>${guard}</code>${hasDetails && html`. ${message}`}
${command !== undefined && html`<pre><code>${command}</code></pre><span class="soft">${hasDetails ? 'overrules it, once you have looked' : 'says why, on the host'}</span>`}</li>`;
  });
}

function problemItems({ faults, exposed, problems, sources, hasDetails }: StatusView): readonly Html[] {
  const findings = (problems?.findings ?? []).filter(({ level }) => level !== 'ok');
  return [
    ...faults.map(
      ({ job, kind, message }) =>
        html`<li><span class="bad">Problem:</span> ${job}, ${kind}${hasDetails && html`: ${message}`}</li>`,
    ),
    ...sources
      .filter(({ isUp }) => isUp === false)
      .map(({ name }) => html`<li><span class="bad">Problem:</span> the live source ${name} could not be read</li>`),
    ...findings.map(
      ({ check, level, message, advice }) =>
        html`<li>${level === 'problem' ? html`<span class="bad">Problem:</span>` : html`<span class="soft">Worth knowing:</span>`} ${check}${hasDetails && html`: ${message}`}${hasDetails && advice !== undefined && html`. <span class="soft">${advice}</span>`}</li>`,
    ),
    ...(exposed > 0
      ? [
          html`<li><span class="warn">Exposed:</span> Claude’s own clean-up would delete ${formatCount(exposed, 'session')} that this configuration keeps; <code>claude-session-sweeper doctor</code> says what helps</li>`,
        ]
      : []),
  ];
}

const OUTCOME_LEVELS = { ok: 'good', partial: 'warn', held: 'warn', failed: 'bad', skipped: 'soft' } as const;

function jobsSection({ jobs }: StatusView, shown: Shown): Html {
  const rows = jobs.map(({ job, last, nextMs, isRunning }: JobView) => [
    html`<th scope="row">${job}</th>`,
    html`<td>${
      last === undefined
        ? html`<span class="soft">has not run yet</span>`
        : html`<span class="${OUTCOME_LEVELS[last.outcome]}">${last.outcome}</span>, ${shown.time(last.atMs)}`
    }</td>`,
    html`<td>${isRunning ? html`<span class="good">at work now</span>` : shown.time(nextMs)}</td>`,
  ]);
  return html`<section aria-labelledby="jobs"><h2 id="jobs">Jobs</h2>${table(
    'How each job went last, and when it comes next',
    ['Job', 'Last run', 'Next run'],
    rows,
  )}</section>`;
}

const FOLDERS_SHOWN = 12;

function trashSection({ trash, nowMs, hasDetails }: StatusView, shown: Shown): Html {
  const folders = trash.folders.slice(0, FOLDERS_SHOWN);
  const places = new Set(trash.folders.map(({ claudeDir }) => claudeDir));
  const showsPlace = hasDetails && places.size > 1;
  const rows = folders.map(({ claudeDir, atMs, untilMs, sessions, bytes }) => [
    timeCell(shown.time(atMs)),
    html`<td>${untilMs <= nowMs ? 'over' : shown.duration(untilMs - nowMs)}</td>`,
    html`<td class="n">${sessions}</td>`,
    html`<td class="n">${formatBytes(bytes)}</td>`,
    ...(showsPlace ? [html`<td>${claudeDir}</td>`] : []),
  ]);
  const more = trash.folders.length - folders.length;
  return html`<section aria-labelledby="trash"><h2 id="trash">In the trash</h2><p>${amountOf(trash)}</p>
${rows.length > 0 && table('What went when, the oldest first', ['Removed', 'Time left', 'Sessions', 'Size', ...(showsPlace ? ['Place'] : [])], rows)}
${more > 0 && html`<p class="soft">and ${trash.hasMore ? `more than ${more}` : formatCount(more, 'more removal')}</p>`}
${rows.length > 0 && html`<p class="soft"><code>claude-session-sweeper trash restore</code> brings any of it back.</p>`}</section>`;
}

function amountOf({ sessions, bytes }: TrashView): string {
  if (sessions === undefined || bytes === undefined) return 'It is not known yet: no run has ended.';
  return sessions === 0
    ? 'Nothing.'
    : `${formatCount(sessions, 'session')}, ${formatBytes(bytes)}, as the last run left it.`;
}

function daysSection({ days, nowMs }: StatusView): Html {
  const sum = (bytesOf: (day: (typeof days)[number]) => number) =>
    formatBytes(days.reduce((all, day) => all + bytesOf(day), 0));
  const rows = days
    .toReversed()
    .map(({ day, removedBytes, purgedBytes }) => [
      html`<th scope="row">${day}</th>`,
      html`<td class="n">${formatBytes(removedBytes)}</td>`,
      html`<td class="n">${formatBytes(purgedBytes)}</td>`,
    ]);
  return html`<section aria-labelledby="days"><h2 id="days">Removed and freed, ${DAYS_SHOWN} days</h2>
<p><span class="key one"></span>${sum((day) => day.removedBytes)} to the trash, <span class="key two"></span>${sum((day) => day.purgedBytes)} destroyed there</p>
${dayPlot(days, nowMs, DAYS_SHOWN)}
${rows.length > 0 && html`<details><summary>As a table</summary>${table('By day of UTC', ['Day', 'To the trash', 'Destroyed'], rows)}</details>`}</section>`;
}
