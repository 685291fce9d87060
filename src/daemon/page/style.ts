/** How the status page looks: in light and in dark, on a telephone and on a desk. */

export const STYLE = `
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #ffffff; --ink: #1d2126; --soft: #565e68; --line: #d9dce0;
  --link: #0b57b0; --good: #17683a; --warn: #855000; --bad: #b3261e; --bar: #3f6fb5; --bar2: #a85a1c; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --card: #1c2024; --ink: #e6e8eb; --soft: #a7aeb8; --line: #363c44;
  --link: #8ab8f5; --good: #7fd6a0; --warn: #f0bd6a; --bad: #ff9d94; --bar: #7aa7e8; --bar2: #e0995c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0.5rem 1rem; }
h1 { font-size: 1.35rem; margin: 0.75rem 0 0; }
h2 { font-size: 1.05rem; margin: 0 0 0.5rem; }
p { margin: 0.25rem 0 0.5rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 0.5rem; background: var(--card); padding: 0.25rem 0.5rem; }
main { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); padding-bottom: 1rem; }
@media (min-width: 60rem) { main { grid-template-columns: repeat(2, minmax(0, 1fr)); } .whole { grid-column: 1 / -1; } }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 0.9rem 1rem; min-width: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
caption { text-align: left; color: var(--soft); padding-bottom: 0.25rem; }
th, td { text-align: left; padding: 0.3rem 0.6rem 0.3rem 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 500; overflow-wrap: break-word; }
.face { min-width: 8rem; overflow-wrap: anywhere; }
time span { white-space: nowrap; }
tbody th .soft { font-weight: 400; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.soft { color: var(--soft); }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.good, .warn, .bad { font-weight: 600; }
th:last-child, td:last-child { padding-right: 0; }
.wide + .wide, .wide + p { margin-top: 0.75rem; }
ul.plain { list-style: none; margin: 0; padding: 0; }
ul.plain li { padding: 0.4rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
ul.plain li:first-child { border-top: 0; }
code { font-family: ui-monospace, monospace; font-size: 0.85em; overflow-wrap: anywhere; }
pre { margin: 0.25rem 0 0; white-space: pre-wrap; }
svg { display: block; width: 100%; }
svg.bar { height: 0.6rem; min-width: 4rem; margin-top: 0.45rem; }
svg.plot { height: 8rem; }
.axis { display: flex; justify-content: space-between; font-size: 0.8rem; margin: 0; }
.one { fill: var(--bar); } .two { fill: var(--bar2); } .rule { stroke: var(--line); }
.key { display: inline-block; width: 0.8rem; height: 0.8rem; margin-right: 0.35rem; vertical-align: -0.05rem; }
.key.one { background: var(--bar); } .key.two { background: var(--bar2); }
`;
