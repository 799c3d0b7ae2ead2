/** The styles of the element: a constructed sheet, which the strictest policy of a page allows. */
export function devtoolsStyles(): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS_TEXT);
  return sheet;
}

/* Colour pairs meet WCAG AA in light and dark. */
const CSS_TEXT = `
:host {
  color-scheme: light dark;
  --panel: light-dark(#ffffff, #11151c);
  --soft: light-dark(#f3f4f7, #191f29);
  --border: light-dark(#dcdfe6, #272e3a);
  --control: light-dark(#8a91a0, #6b7484);
  --text: light-dark(#191c22, #e5e9f0);
  --muted: light-dark(#596070, #98a2b3);
  --accent: light-dark(#4f46e5, #a5a8ff);
  --selection: light-dark(#e3e4fc, #2a2f5c);
  --ok: light-dark(#0f7a41, #4ad080);
  --danger: light-dark(#b51c2b, #ff8a85);
  --danger-soft: light-dark(#fdecec, #331618);
  --warn: light-dark(#7a5000, #e8b44c);
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  display: block;
  height: 40rem;
  container-type: inline-size;
  color: var(--text);
  background: var(--panel);
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, sans-serif;
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
h2, h3, h4, h5, p, ul, ol, dl, dd, pre { margin: 0; }
h2 { font-size: 1rem; }
h3 { font-size: 1rem; }
h4 { font-size: 0.95rem; margin-block-start: 0.6rem; overflow-wrap: anywhere; }
h5 { font-size: 0.85rem; margin-block-start: 0.5rem; color: var(--muted); }
code, pre, textarea { font-family: var(--mono); font-size: 12.5px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.muted { color: var(--muted); }
.devtools { display: flex; flex-direction: column; height: 100%; border: 1px solid var(--border); border-radius: 10px; overflow: hidden; }
.head { display: flex; flex-wrap: wrap; gap: 0.4rem 1.5rem; align-items: center; padding: 0.5rem 0.8rem; }
.head p { font-size: 12px; }
.charts { display: grid; gap: 0.8rem; padding: 0.8rem; overflow-y: auto; flex: 1; min-width: 0; }
figure { margin: 0; min-width: 0; }
.plot { min-width: 0; overflow: hidden; }
.u-legend :is(th, td) { border: 0; padding: 0 0.2rem; font-size: 12px; }
.ink-accent { color: var(--accent); }
.ink-warn { color: var(--warn); }
.ink-muted { color: var(--muted); }
.ink-border { color: var(--border); }
.tabs { display: flex; flex-direction: column; min-height: 0; min-width: 0; }
.tabs.main { flex: 1; }
[role="tablist"] { display: flex; flex-wrap: wrap; gap: 0.2rem; padding: 0 0.6rem; border-block-end: 1px solid var(--border); }
[role="tab"] { border: 0; border-block-end: 2px solid transparent; border-radius: 0; background: none; padding: 0.4rem 0.6rem; }
[role="tab"][aria-selected="true"] { border-color: var(--accent); color: var(--accent); font-weight: 600; }
[role="tabpanel"] { min-height: 0; min-width: 0; flex: 1; }
.main > [role="tabpanel"] { display: flex; }
.detail > [role="tabpanel"] { padding-block: 0.6rem; }
.panes { display: grid; grid-template-columns: minmax(15rem, 22rem) minmax(0, 1fr); flex: 1; min-height: 0; }
.list-pane { display: flex; flex-direction: column; min-height: 0; min-width: 0; border-inline-end: 1px solid var(--border); }
.list-pane > p { padding: 0.3rem 0.6rem; font-size: 12px; }
.bounds { border-block-start: 1px solid var(--border); }
.detail-pane { overflow: auto; padding: 0.7rem 0.9rem; min-width: 0; }
.choices { display: flex; flex-wrap: wrap; gap: 0.4rem; align-items: center; padding: 0.4rem 0.6rem; }
.detail-body > .choices { padding-inline: 0; }
button, input, textarea { font: inherit; color: var(--text); background: var(--panel); border: 1px solid var(--control); border-radius: 6px; padding: 0.25rem 0.6rem; }
button { cursor: pointer; }
button:disabled { color: var(--muted); cursor: default; }
input[type="search"] { width: 100%; }
input[type="number"] { width: 6rem; }
textarea { width: 100%; resize: vertical; font-family: var(--mono); }
form { display: grid; gap: 0.5rem; justify-items: start; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
.list { position: relative; overflow: auto; flex: 1; min-height: 0; contain: strict; }
.list-space { position: relative; }
.row { position: absolute; inset-block-start: 0; inset-inline: 0; height: 48px; padding: 0.25rem 0.6rem; border-block-end: 1px solid var(--border); cursor: default; overflow: hidden; }
.row[aria-selected="true"] { background: var(--selection); }
.row-title, .row-facts { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.row-facts { font-size: 12px; color: var(--muted); }
.row[aria-selected="true"] .row-facts { color: var(--text); }
.mark { font-size: 12px; margin-inline-end: 0.5rem; color: var(--muted); }
.mark.returned { color: var(--ok); }
.mark.threw, .mark.stopped { color: var(--danger); }
.mark.suspended, .mark.running { color: var(--warn); }
.row[aria-selected="true"] .mark { color: var(--text); }
.facts { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; margin-block: 0.4rem; }
.facts dt { font-size: 12px; color: var(--muted); }
.facts dd { overflow-wrap: anywhere; }
.violations { padding-inline-start: 1.2rem; color: var(--danger); overflow-wrap: anywhere; }
.again { color: var(--accent); }
.why { color: var(--danger); overflow-wrap: anywhere; }
.timeline .list { height: 15rem; flex: none; border: 1px solid var(--border); border-radius: 6px; }
.timeline .row { height: 28px; display: grid; grid-template-columns: minmax(6rem, 12rem) minmax(3rem, 1fr) minmax(6rem, 14rem); gap: 0.6rem; align-items: center; padding-block: 0; }
.entry-name, .entry-facts { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; font-size: 12px; }
.entry-facts { color: var(--muted); }
.row[aria-selected="true"] .entry-facts { color: var(--text); }
.track { display: block; background: var(--soft); border-radius: 3px; height: 10px; }
.bar { display: block; height: 10px; border-radius: 3px; background: var(--control); min-width: 2px; }
.bar.ok { background: var(--ok); }
.bar.failed { background: var(--danger); }
.bar.waiting { background: var(--warn); }
.call > button { margin-block-start: 0.6rem; }
.scroller { overflow: auto; max-height: 24rem; border: 1px solid var(--border); border-radius: 6px; padding: 0.4rem 0.6rem; margin-block-start: 0.3rem; }
.code, .logs { padding-inline-start: 3.2rem; }
.code li::marker { color: var(--muted); font-family: var(--mono); font-size: 12px; }
.code code { white-space: pre-wrap; overflow-wrap: anywhere; }
.code .failed { background: var(--danger-soft); }
.logs { padding-inline-start: 0; list-style: none; font-family: var(--mono); font-size: 12.5px; }
.log { white-space: pre-wrap; overflow-wrap: anywhere; }
.log.error .text { color: var(--danger); }
.log.warn .text { color: var(--warn); }
.leaf, .branch { font-family: var(--mono); font-size: 12.5px; overflow-wrap: anywhere; }
.parts { padding-inline-start: 1.1rem; border-inline-start: 1px solid var(--border); }
.key { color: var(--accent); }
.string { color: var(--ok); }
.number, .boolean, .null { color: var(--warn); }
.hidden { color: var(--muted); font-style: italic; }
table { border-collapse: collapse; font-size: 12.5px; }
caption { text-align: start; color: var(--muted); padding-block-end: 0.3rem; }
th, td { text-align: start; vertical-align: top; border: 1px solid var(--border); padding: 0.15rem 0.4rem; max-width: 22rem; overflow-wrap: anywhere; }
@container (max-width: 44rem) {
  .panes { grid-template-columns: minmax(0, 1fr); grid-template-rows: minmax(11rem, 1fr) minmax(0, 2fr); }
  .list-pane { border-inline-end: 0; border-block-end: 1px solid var(--border); }
  .timeline .row { grid-template-columns: minmax(5rem, 1fr) minmax(3rem, 1fr) minmax(4rem, 1fr); }
  .bounds { display: none; }
}
`;
