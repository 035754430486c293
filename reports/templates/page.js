'use strict';
const $ = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const rest = milliseconds => new Promise(done => setTimeout(done, milliseconds)); // the page stays alive
const main = document.querySelector('main');
main.setAttribute('aria-busy', 'true'); // until everything is drawn
$('.js').forEach(part => part.classList.remove('js')); // what is of use only with this script

// Long data is packed: gzip, in base64.
async function contentOf(element) {
  if (element.type !== 'application/gzip') return element.textContent;
  const bytes = Uint8Array.from(atob(element.textContent), letter => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).text();
}

/* Tables. One shows so many of its rows at a time, those that pass its filter of words and `fits`. */
const tables = new Map();
let fits = () => true; // by the number of a trial
$('table.sortable').forEach(table => {
  const body = table.tBodies[0], beyond = body.querySelector('template');
  tables.set(table, {rows: [...body.rows, ...(beyond ? beyond.content.children : [])], words: []});
});
function show(table) {
  const {rows, words} = tables.get(table), most = Number(table.dataset.most);
  const wanted = rows.filter(row => {
    if (row.dataset.trial && !fits(Number(row.dataset.trial))) return false;
    if (words.length === 0) return true;
    row.words ??= [...row.cells].map(cell => cell.textContent).join(' ').toLowerCase();
    return words.every(word => row.words.includes(word));
  });
  table.tBodies[0].replaceChildren(...wanted.slice(0, most));
  const status = document.getElementById(`${table.id}-shown`);
  if (!status) return;
  const found = wanted.length.toLocaleString('en'), all = rows.length.toLocaleString('en');
  status.textContent = wanted.length > most ? `the first ${most.toLocaleString('en')} of ${found} shown` :
    `${found} of ${all} shown`;
}

// A heading sorts by its column, missing values always last.
const collator = new Intl.Collator();
function sortBy(table, index) {
  const heads = [...table.tHead.rows[0].cells], state = tables.get(table);
  const direction = heads[index].getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending';
  const sign = direction === 'ascending' ? 1 : -1;
  const numeric = heads[index].classList.contains('number');
  const keyed = state.rows.map(row => {
    const cell = row.cells[index];
    return [numeric ? parseFloat(cell.dataset.value) : cell.textContent, row];
  });
  const missing = key => key === '' || Number.isNaN(key);
  keyed.sort(([a], [b]) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    return sign * (numeric ? a - b : collator.compare(a, b));
  });
  state.rows = keyed.map(([, row]) => row);
  show(table);
  heads.forEach((head, i) => head.setAttribute('aria-sort', i === index ? direction : 'none'));
}
tables.forEach((state, table) => [...table.tHead.rows[0].cells].forEach((head, index) => {
  head.querySelector('button').addEventListener('click', () => sortBy(table, index));
}));
$('input[data-filters]').forEach(input => input.addEventListener('input', () => {
  const table = document.getElementById(input.dataset.filters);
  tables.get(table).words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  show(table);
}));
async function unpackRows() {
  for (const source of $('script[data-rows]')) {
    const table = document.getElementById(source.dataset.rows), rest = document.createElement('template');
    rest.innerHTML = await contentOf(source);
    tables.get(table).rows.push(...rest.content.children);
    show(table);
  }
}

/* Commands are copied; where the browser refuses that, they are selected for the reader to do it. */
$('button.copy').forEach(button => button.addEventListener('click', async () => {
  const code = button.parentElement.querySelector('code');
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = 'Selected';
  }
  setTimeout(() => { button.textContent = 'Copy'; }, 2000);
}));

/* Figures take the page's colours, which follow the reader's choice of light or dark. */
const dark = matchMedia('screen and (prefers-color-scheme: dark)');
function colours(layout) {
  const style = getComputedStyle(document.documentElement);
  const [text, grid] = ['--text', '--grid'].map(name => style.getPropertyValue(name).trim());
  const found = {'font.color': text};
  Object.keys(layout).filter(key => /^[xy]axis[0-9]*$/.test(key)).forEach(key => {
    ['gridcolor', 'linecolor', 'zerolinecolor'].forEach(name => { found[`${key}.${name}`] = grid; });
  });
  return found;
}
// A finger scrolls the page, and has no use for the buttons that say what dragging does.
const touch = matchMedia('(pointer: coarse)').matches;
// plotly.js has a button that uploads a figure to its maker's server; these settings leave it out.
const config = {
  responsive: true, displayModeBar: touch ? false : 'hover', displaylogo: false, showSendToCloud: false, plotlyServerURL: '',
  modeBarButtons: [['toImage', 'zoom2d', 'pan2d', 'resetScale2d']],
};
async function draw(source, hover) {
  const {data, layout} = JSON.parse(await contentOf(source));
  Object.entries(colours(layout)).forEach(([path, value]) => {
    const [part, name] = path.split('.');
    layout[part] = {...layout[part], [name]: value};
  });
  if (touch) layout.dragmode = false;
  data.filter(trace => trace.meta?.hover === 'trials').forEach(trace => {
    trace.hovertext = trace.customdata.map(number => hover.get(number));
  });
  const plot = document.getElementById(source.dataset.draws);
  await Plotly.newPlot(plot, data, layout, config);
  return plot;
}
function recolour() {
  $('.js-plotly-plot').forEach(plot => Plotly.relayout(plot, colours(plot.layout)));
}
// Paper is narrower than a screen, and white.
const PAPER = 680; // pixels between the margins of A4
addEventListener('beforeprint', () => $('.js-plotly-plot').forEach(plot => {
  Plotly.relayout(plot, {...colours(plot.layout), width: PAPER});
}));
addEventListener('afterprint', () => $('.js-plotly-plot').forEach(plot => {
  Plotly.relayout(plot, {...colours(plot.layout), width: null, autosize: true});
}));
dark.addEventListener('change', recolour);

async function begin() {
  await unpackRows();
  const packed = document.getElementById('plotly');
  if (packed) {
    const script = document.createElement('script');
    script.textContent = await contentOf(packed);
    document.head.append(script);
  }
  const known = document.querySelector('script[data-trials]');
  const trials = known ? JSON.parse(await contentOf(known)) : {number: [], hover: []};
  const hover = new Map(trials.number.map((number, index) => [number, trials.hover[index]]));
  const plots = [];
  for (const source of $('script[data-draws]')) {
    plots.push(await draw(source, hover));
    await rest();
  }
  if (known && plots.length) link(plots, trials);
}
begin().catch(error => {
  const note = document.createElement('p');
  note.className = 'caution';
  note.textContent = `The figures cannot be drawn (${error.message}). A browser of before 2023 needs the page ` +
    'that `cheapsearch report RUN --full` writes.';
  main.prepend(note);
}).finally(() => main.removeAttribute('aria-busy'));
