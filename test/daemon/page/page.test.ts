import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html } from '../../../src/daemon/page/html.ts';
import { brokenPage, statusPage } from '../../../src/daemon/page/page.ts';
import { viewWith } from './views.ts';

/** Titles and names by which others have broken out of a page. */
const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '`alert(1)`',
  '</title></style></svg></code><base href=//evil.example>',
  '<!-- --!> <![CDATA[ ]]>',
  '&lt;script&gt; &amp; &#60;b&#62;',
  'javascript:alert(1)',
  '\u202egnp.exe\u2066\u0000\u001b[31m\r\n\u2028',
  '\ud800 half a pair',
  '\u{1f600}'.repeat(500),
  '-home-ada-</td></tr></table>',
];

/** What is left of a page without its texts and without the values of its attributes. */
function skeletonOf(page: string): string {
  return page.replaceAll(/"[^"]*"/g, '""').replaceAll(/>[^<]*</g, '><');
}

const CLEAN = skeletonOf(statusPage(viewWith('x'), 'host'));

describe('the status page', () => {
  it.each(HOSTILE)('shows %j as a text, wherever it stands', (text) => {
    const page = statusPage(viewWith(text), text);
    expect(skeletonOf(page)).toBe(CLEAN);
    expect(page).not.toMatch(/<(script|img|base|b)\b/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those must not come through.
    expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u2028\u202e\u2066]/);
    expect(page.isWellFormed()).toBe(true);
    expect(skeletonOf(brokenPage(text, text))).toBe(skeletonOf(brokenPage('x', 'x')));
  });

  it('is the same page whatever the texts in it are', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: fc.constantFrom(...'<>&"\'`=/ !-;#xonscript{}$\\\n'), maxLength: 60 }),
      fc.constantFrom(...HOSTILE),
    );
    fc.assert(fc.property(texts, (text) => skeletonOf(statusPage(viewWith(text), text)) === CLEAN));
  });

  it('has a test of its texts that a page without escapes fails', () => {
    const [hostile = ''] = HOSTILE;
    expect(skeletonOf(statusPage(viewWith('x'), 'host').replaceAll('x', hostile))).not.toBe(CLEAN);
    expect(String(html`<b title="${hostile}">${[hostile, html`<i>${1}</i>`, false, undefined]}</b>`)).toBe(
      '<b title="&lt;script&gt;alert(1)&lt;/script&gt;">&lt;script&gt;alert(1)&lt;/script&gt;<i>1</i></b>',
    );
  });

  it('shows no text of a conversation, no path and no message where details are not to be shown', () => {
    const page = statusPage(viewWith('s3cret', { hasDetails: false }), 'host');
    // Names of sources, checks, kinds and reasons are told by the metrics as well.
    const told = viewWith('s3cret', { hasDetails: false });
    const named = { ...told, sources: [], faults: [], problems: undefined };
    const content = told.look && { ...told.look.content, kept: {} };
    const look = told.look && content && { ...told.look, content };
    expect(statusPage({ ...named, look }, 'host')).not.toContain('s3cret');
    expect(page).not.toContain('a94d2b18');
    expect(page).toContain('claude-session-sweeper status');
    expect(statusPage(viewWith('s3cret'), 'host')).toContain('a94d2b18');
  });

  it('says what a guard holds, and by which command it ends', () => {
    const page = statusPage(viewWith('run --allow-mass-removal'), 'host');
    expect(page).toContain('<code>mass-removal</code>');
    expect(page).toContain('<pre><code>run --allow-mass-removal</code></pre>');
  });

  it('says first whether all is well', () => {
    const clean = viewWith('x', { held: [], faults: [], exposed: 0, problems: undefined, sources: [] });
    const titleOf = (view: typeof clean) => /<title>([^<]*)/.exec(statusPage(view, 'host'))?.[1];
    const [job] = clean.jobs;
    expect(titleOf(clean)).toBe('All is well · host · claude-session-sweeper');
    expect(titleOf({ ...clean, exposed: 1 })).toMatch(/^1 session exposed/);
    expect(titleOf({ ...clean, held: viewWith('x').held })).toMatch(/^Held back/);
    expect(titleOf({ ...clean, problems: viewWith('x').problems })).toMatch(/^1 problem/);
    expect(titleOf({ ...clean, sources: viewWith('x').sources })).toMatch(/^1 problem/);
    expect(titleOf({ ...clean, jobs: job === undefined ? [] : [{ ...job, last: undefined }] })).toMatch(
      /^Nothing has run/,
    );
  });

  it('shows where nothing is known yet that it is not, and no zero', () => {
    const empty = viewWith('x', {
      ...{ look: undefined, states: [], disks: [], sources: [], days: [], problems: undefined },
      trash: { sessions: undefined, bytes: undefined, folders: [], hasMore: false },
    });
    const page = statusPage(empty, 'host');
    expect(page.match(/It is not known yet/g)).toHaveLength(4);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('counts what it does not list', () => {
    const page = statusPage(viewWith('x'), 'host');
    expect(page).toContain('11 more sessions later');
    expect(page).toContain('4 more projects');
  });
});
