"""The frame of the page: HTML, style sheet and script, all inline so that the file stands alone."""

from html import escape
from string import Template

from plotly.offline import get_plotlyjs

# The policy makes the browser refuse to load anything, so that the page is the same offline.
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$style</style>
$plotly
</head>
<body>
<main>
$body
</main>
<script>$script</script>
</body>
</html>
""")  # noqa: E501

STYLE = """
:root {
  --page: #f7f8fa; --card: #ffffff; --text: #1c2430; --muted: #5c6674; --line: #dfe3e9;
  --accent: #0072b2; --grid: #e4e8ee; --caution: #fdf4e3; --caution-line: #e69f00; --hover: #f0f4f9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1a2029; --text: #e4e8ee; --muted: #9ba6b4; --line: #303a47;
    --accent: #56b4e9; --grid: #2c3541; --caution: #2a2416; --caution-line: #c98b10; --hover: #222b37;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1340px; margin: 0 auto; padding: 2.2rem 1.2rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.8rem 0 .4rem; }
p { margin: .4rem 0 .8rem; max-width: 92ch; }
.lede, .muted, figcaption { color: var(--muted); }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .875em; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem 1rem;
  white-space: pre-wrap; overflow-wrap: anywhere; margin: .4rem 0 1rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(250px, 1fr)); gap: 1rem;
  margin: 1.4rem 0; }
.card, figure { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.card { padding: .9rem 1.1rem; }
.card h3 { font-size: .85rem; font-weight: 600; color: var(--muted); margin: 0; }
.card .value { font-size: 1.8rem; font-weight: 650; line-height: 1.3; }
.card .value small { font-size: .5em; font-weight: 400; color: var(--muted); }
.card p { margin: 0; font-size: .9rem; }
.caution { background: var(--caution); border-left: 4px solid var(--caution-line); border-radius: 6px;
  padding: .7rem 1.1rem; margin: 1.4rem 0; }
.caution p { margin: .2rem 0; max-width: none; }
.verdict p { margin: .2rem 0; max-width: none; font-size: 1.05rem; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.4rem; margin: .8rem 0; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 500px), 1fr)); gap: 1rem; }
figure { margin: .8rem 0; padding: .8rem; min-width: 0; }
figcaption { font-size: .875rem; padding: .3rem .4rem 0; }
.scroll { overflow: auto; max-height: 75vh; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; margin: .8rem 0; }
.scroll:focus-visible, button:focus-visible, input:focus-visible { outline: 2px solid var(--accent);
  outline-offset: -2px; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
td, th { padding: .38rem .6rem; white-space: nowrap; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
th { position: sticky; top: 0; padding: 0; background: var(--card); box-shadow: inset 0 -1px var(--line);
  vertical-align: bottom; z-index: 1; }
th button { all: unset; box-sizing: border-box; width: 100%; padding: .5rem .6rem; font-weight: 600;
  cursor: pointer; white-space: nowrap; }
th button::after { content: " ↕"; opacity: .3; font-size: .85em; }
th[aria-sort=ascending] button::after { content: " ↑"; opacity: 1; }
th[aria-sort=descending] button::after { content: " ↓"; opacity: 1; }
th button:hover, tbody tr:hover { background: var(--hover); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td small { display: inline-block; min-width: 4.4em; color: var(--muted); }
td.wide { white-space: normal; min-width: 34ch; }
td.muted { opacity: .7; }
tr.strong td { font-weight: 600; }
tfoot td { border-top: 2px solid var(--line); font-style: italic; }
.filter { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; margin: .8rem 0; }
.filter input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; padding: .35rem .7rem; width: min(24rem, 100%); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 640px) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
@media print { .scroll { max-height: none; overflow: visible; } .filter { display: none; } }
"""

SCRIPT = """
'use strict';
// A table shows so many of its rows at a time; those beyond them lie in a template.
const rowsOf = new Map();
document.querySelectorAll('table.sortable').forEach(table => {
  const body = table.tBodies[0], beyond = body.querySelector('template');
  rowsOf.set(table, [...body.rows, ...(beyond ? beyond.content.children : [])]);
});
function show(table) {
  const wanted = rowsOf.get(table).filter(row => !row.hidden);
  table.tBodies[0].replaceChildren(...wanted.slice(0, Number(table.dataset.most)));
}

// A heading sorts by its column, missing values always last.
const collator = new Intl.Collator();
function sortBy(table, index) {
  const heads = [...table.tHead.rows[0].cells];
  const direction = heads[index].getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending';
  const sign = direction === 'ascending' ? 1 : -1;
  const numeric = heads[index].classList.contains('number');
  const keyed = rowsOf.get(table).map(row => {
    const cell = row.cells[index];
    return [numeric ? parseFloat(cell.dataset.value) : cell.textContent, row];
  });
  const missing = key => key === '' || Number.isNaN(key);
  keyed.sort(([a], [b]) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    return sign * (numeric ? a - b : collator.compare(a, b));
  });
  rowsOf.set(table, keyed.map(([, row]) => row));
  show(table);
  heads.forEach((head, i) => head.setAttribute('aria-sort', i === index ? direction : 'none'));
}
document.querySelectorAll('table.sortable').forEach(table => {
  [...table.tHead.rows[0].cells].forEach((head, index) => {
    head.querySelector('button').addEventListener('click', () => sortBy(table, index));
  });
});

// The filter keeps the rows that hold every word.
document.querySelectorAll('input[data-filters]').forEach(input => {
  const table = document.getElementById(input.dataset.filters);
  const rows = rowsOf.get(table), most = Number(table.dataset.most);
  const texts = rows.map(row => [...row.cells].map(cell => cell.textContent).join(' ').toLowerCase());
  const status = document.getElementById(input.dataset.status);
  input.addEventListener('input', () => {
    const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let found = 0;
    rows.forEach((row, i) => {
      row.hidden = !words.every(word => texts[i].includes(word));
      found += !row.hidden;
    });
    show(table);
    const counts = found > most ? `the first ${most} of ${found}` : `${found} of ${rows.length}`;
    status.textContent = `${counts} shown`;
  });
});

// Figures take the page's colours, which follow the reader's choice of light or dark.
function colours(layout) {
  const style = getComputedStyle(document.documentElement);
  const [text, grid] = ['--text', '--grid'].map(name => style.getPropertyValue(name).trim());
  const found = {'font.color': text};
  Object.keys(layout).filter(key => /^[xy]axis[0-9]*$/.test(key)).forEach(key => {
    ['gridcolor', 'linecolor', 'zerolinecolor'].forEach(name => { found[`${key}.${name}`] = grid; });
  });
  return found;
}
// plotly.js has a button that uploads a figure to its maker's server; these settings leave it out.
const config = {
  responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: '',
  modeBarButtons: [['toImage', 'zoom2d', 'pan2d', 'resetScale2d']],
};
const waiting = [...document.querySelectorAll('script[data-draws]')];
function drawNext() {
  if (waiting.length === 0) return;
  const source = waiting.shift();
  const {data, layout} = JSON.parse(source.textContent);
  Object.entries(colours(layout)).forEach(([path, value]) => {
    const [part, name] = path.split('.');
    layout[part] = {...layout[part], [name]: value};
  });
  Plotly.newPlot(source.dataset.draws, data, layout, config).then(() => setTimeout(drawNext));
}
drawNext();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  document.querySelectorAll('.js-plotly-plot').forEach(plot => Plotly.relayout(plot, colours(plot.layout)));
});
"""


def page(title: str, body: str, *, figures: bool = True) -> str:
    """A whole page; the title is escaped, the body is not. Without figures plotly is left out."""
    return PAGE.substitute(
        title=escape(title),
        style=STYLE,
        plotly=f"<script>{get_plotlyjs()}</script>" if figures else "",
        body=body,
        script=SCRIPT,
    )
