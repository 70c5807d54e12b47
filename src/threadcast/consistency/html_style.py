"""The style sheet of a report's page: light, dark and print."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #faf9f7; --surface: #fff; --raised: #f4f2ee; --line: #e2dfd9;
  --ink: #1d2327; --soft: #5b646b; --accent: #0f766e; --on-colour: #fff;
  --critical: #b42318; --high: #b45309; --medium: #8a6d00; --low: #5b646b;
  --critical-soft: #fdeceb; --good-soft: #dff1ee;
  --thread-0: #0f766e; --thread-1: #c2410c; --thread-2: #6d28d9; --thread-3: #1d4ed8;
  --thread-4: #9d174d;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131719; --surface: #1a1f22; --raised: #20262a; --line: #30373c;
    --ink: #e7e9ea; --soft: #a0a9af; --accent: #5cc4b7; --on-colour: #0e1214;
    --critical: #ff8f85; --high: #f5a65b; --medium: #e3c25a; --low: #a0a9af;
    --critical-soft: #3a1d1b; --good-soft: #17302d;
    --thread-0: #5cc4b7; --thread-1: #fb8f5a; --thread-2: #b79bff; --thread-3: #86acff;
    --thread-4: #f38ab8;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html {
  background: var(--paper); color: var(--ink);
  font: 16px/1.55 var(--sans);
  -webkit-text-size-adjust: 100%;
}
body { max-width: 1040px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; text-wrap: balance; }
h2 { margin: 2.75rem 0 0.75rem; font-size: 1.15rem; }
h3 { margin: 0; font: 600 0.9rem/1.5 var(--mono); }
p { margin: 0.35rem 0; }
a { color: var(--accent); text-underline-offset: 2px; }
code, .id { font: 0.85rem/1.5 var(--mono); }
.soft { color: var(--soft); }
.summary {
  display: grid; grid-template-columns: minmax(13rem, 1.1fr) 2fr; gap: 1rem; margin-top: 1.5rem;
}
.card {
  border: 1px solid var(--line); border-radius: 12px; background: var(--surface);
  padding: 1.1rem 1.25rem;
}
.score { display: flex; flex-direction: column; justify-content: center; }
.score.good { background: var(--good-soft); border-color: transparent; }
.score.bad { background: var(--critical-soft); border-color: transparent; }
.score b { font-size: 3.1rem; line-height: 1.05; letter-spacing: -0.02em; }
.score span { font-size: 0.9rem; }
.score.good b { color: var(--accent); }
.score.bad b { color: var(--critical); }
.figures {
  display: grid; grid-template-columns: repeat(4, 1fr); gap: 0.9rem 1rem; margin: 0;
}
.figures dt { color: var(--soft); font-size: 0.85rem; }
.figures dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.figures .nothing { color: var(--soft); font-weight: 400; }
.badge {
  display: inline-block; min-width: 4.9rem; padding: 0.1rem 0.55rem; border-radius: 99px;
  border: 1px solid currentcolor; font-size: 0.78rem; font-weight: 600; text-align: center;
}
.critical { color: var(--critical); } .high { color: var(--high); }
.medium { color: var(--medium); } .low { color: var(--low); }
.findings { margin: 0; }
.findings dt { font: 600 0.9rem/1.5 var(--mono); }
.findings dd { margin: 0 0 0.9rem; color: var(--soft); }
.findings dd:last-child { margin-bottom: 0; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
th { color: var(--soft); font-weight: 500; text-align: left; }
th, td { padding: 0.45rem 0.8rem 0.45rem 0; border-bottom: 1px solid var(--line); }
td { vertical-align: top; white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
.trace { margin-top: 1rem; }
.trace header { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: baseline; }
.trace header a { color: inherit; text-decoration: none; }
.trace ul { margin: 0.5rem 0 0; padding: 0; list-style: none; }
.trace li { margin: 0.15rem 0; }
.key {
  display: inline-block; width: 1.45rem; height: 1.45rem; margin-right: 0.45rem; border-radius: 50%;
  color: var(--on-colour); background: var(--soft); font: 600 0.75rem/1.45rem var(--sans);
  text-align: center;
}
.trace .wrongs { margin-top: 0.9rem; }
.trace .wrongs li {
  display: flex; gap: 0.75rem; align-items: baseline; margin: 0.4rem 0; font-size: 0.92rem;
}
.trace .wrongs .badge { flex: none; }
details { margin-top: 0.9rem; }
summary { color: var(--soft); cursor: pointer; font-size: 0.9rem; }
summary:focus-visible, a:focus-visible, .wide:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px;
}
.timeline { display: block; margin-top: 0.75rem; max-width: none; height: auto; }
.timeline text { font: 12px var(--sans); fill: var(--ink); }
.timeline .lane { fill: var(--raised); }
.timeline .lane-name { font-weight: 500; }
.timeline .offset { fill: var(--soft); text-anchor: middle; font-size: 11px; }
.timeline .way { fill: none; stroke-width: 3; stroke-linecap: round; }
.timeline .stop { stroke: var(--surface); stroke-width: 2; }
.timeline .letter { fill: var(--on-colour); font-weight: 700; text-anchor: middle; }
.timeline .ring { fill: none; stroke: currentcolor; stroke-width: 2.5; }
.timeline .severity { fill: currentcolor; text-anchor: middle; font-size: 11px; font-weight: 700; }
.timeline .drift-band { fill: var(--critical); opacity: 0.1; }
.timeline .drift-line { stroke: var(--critical); stroke-width: 2; stroke-dasharray: 5 4; }
.timeline .drift-tag { fill: var(--critical); }
.timeline .drift-word { fill: var(--on-colour); font-weight: 700; text-anchor: middle; }
.timeline .turn-line { stroke: var(--soft); stroke-dasharray: 2 4; }
.timeline .turn-tag { fill: var(--raised); stroke: var(--line); }
.timeline .turn-word { fill: var(--soft); text-anchor: middle; }
.timeline .missed, .timeline .found { fill: none; stroke-width: 3; stroke-linecap: round; }
.timeline .missed { stroke: var(--critical); }
.timeline .found { stroke: var(--accent); }
.stop.thread-none { fill: var(--soft); } .way.thread-none { stroke: var(--soft); }
.stop.thread-0 { fill: var(--thread-0); } .way.thread-0 { stroke: var(--thread-0); }
.stop.thread-1 { fill: var(--thread-1); } .way.thread-1 { stroke: var(--thread-1); }
.stop.thread-2 { fill: var(--thread-2); } .way.thread-2 { stroke: var(--thread-2); }
.stop.thread-3 { fill: var(--thread-3); } .way.thread-3 { stroke: var(--thread-3); }
.stop.thread-4 { fill: var(--thread-4); } .way.thread-4 { stroke: var(--thread-4); }
.key.thread-0 { background: var(--thread-0); } .key.thread-1 { background: var(--thread-1); }
.key.thread-2 { background: var(--thread-2); } .key.thread-3 { background: var(--thread-3); }
.key.thread-4 { background: var(--thread-4); }
@media (max-width: 40rem) { .summary { grid-template-columns: 1fr; } }
@media print { body { max-width: none; padding: 0; } .card { break-inside: avoid; } }
@media (forced-colors: active) {
  .timeline .way { stroke: CanvasText; } .timeline .stop { fill: CanvasText; }
  .timeline .letter { fill: Canvas; }
}
"""
