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

// The customdata of a trace may be of trials: their numbers, or lists that begin with them.
const ofTrials = trace => trace.meta?.of === 'trials';
const numberAt = (trace, index) => [trace.customdata[index]].flat()[0];

/* Trials: what is known of them, and what ties the figures and the tables together. */
function link(plots, trials) {
  const at = new Map(trials.number.map((number, index) => [number, index]));
  const overlays = plots.map(overlay);
  const marked = {hovered: null, selected: null};
  const budgets = new Map();

  const trainings = new Map(); // by network: a trial stands for all trainings of its network
  trials.network.forEach((first, index) => {
    if (!trainings.has(first)) trainings.set(first, []);
    trainings.get(first).push(trials.number[index]);
  });
  const sameAs = number => number === null ? [] : trainings.get(trials.network[at.get(number)]);
  function rowsOf(numbers) {
    const wanted = new Set(numbers.map(String));
    return [...tables].flatMap(([table, {rows}]) => [...rows, ...(table.tFoot ? table.tFoot.rows : [])])
      .filter(row => wanted.has(row.dataset.trial));
  }
  function mark(kind, number) {
    if (marked[kind] === number) return;
    const rows = rowsOf(sameAs(marked[kind])), next = rowsOf(sameAs(number));
    rows.forEach(row => row.classList.remove(kind));
    next.forEach(row => row.classList.add(kind));
    if (kind === 'selected') {
      [...rows, ...next].forEach(row => {
        row.querySelector('button.pick').setAttribute('aria-pressed', row.dataset.trial === String(number));
      });
    }
    marked[kind] = number;
    overlays.forEach(one => one.ring(kind, sameAs(number)));
  }
  const chosen = document.getElementById('selected');
  function select(number) {
    mark('selected', number);
    chosen.hidden = number === null;
    if (number === null) return;
    const said = new DOMParser().parseFromString(trials.hover[at.get(number)].replaceAll('<br>', '; '), 'text/html');
    chosen.querySelector('p').textContent = said.body.textContent;
    rowsOf([number]).forEach(row => {
      const box = row.closest('.scroll');
      if (!box) return;
      const head = row.closest('table').tHead.offsetHeight;
      const above = row.offsetTop - head < box.scrollTop;
      if (above || row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight) {
        box.scrollTop = row.offsetTop - 2 * head;
      }
    });
  }
  chosen.querySelector('button').addEventListener('click', () => select(null));
  document.addEventListener('keydown', event => { if (event.key === 'Escape') select(null); });
  const numberOf = target => {
    const row = target.closest?.('tr[data-trial]');
    return row ? Number(row.dataset.trial) : null;
  };
  tables.forEach((state, table) => {
    table.addEventListener('click', event => {
      const number = numberOf(event.target);
      if (number !== null) select(marked.selected === number ? null : number);
    });
    table.addEventListener('mouseover', event => mark('hovered', numberOf(event.target)));
    table.addEventListener('mouseleave', () => mark('hovered', null));
  });
  plots.forEach(plot => {
    const of = ({points: [point]}) => ofTrials(point.data) ? numberAt(point.data, point.pointNumber) : null;
    plot.on('plotly_click', event => { if (of(event) !== null) select(of(event)); });
    plot.on('plotly_hover', event => mark('hovered', of(event)));
    plot.on('plotly_unhover', () => mark('hovered', null));
  });

  /* Filters and budgets: which trials fit them. */
  const selects = $('select[data-site]');
  const within = document.querySelector('#within span'), best = document.querySelector('#within button');
  const say = number => number.toLocaleString('en');
  best.addEventListener('click', () => select(Number(best.value)));
  function count() {
    const wanted = selects.filter(one => one.value).map(one => [trials.sites[one.dataset.site], one.value]);
    const limits = [...budgets].map(([cost, most]) => [trials.costs[cost], most]);
    const narrowed = wanted.length + limits.length > 0;
    const fitting = index => limits.every(([costs, most]) => costs[index] <= most) &&
      wanted.every(([site, operation]) => site[index].split('|').includes(operation));
    fits = number => !narrowed || fitting(at.get(number));
    const compared = trials.number.map((_, index) => index).filter(index => trials.compared[index]);
    const left = compared.filter(fitting);
    const front = left.filter(index => trials.front[index]).length;
    const first = left.reduce((a, b) => a === null || trials.expected[b] > trials.expected[a] ? b : a, null);
    const where = limits.length ? 'within the budget' : 'that fit';
    within.textContent = narrowed ? `${say(left.length)} of ${say(compared.length)} networks, ` +
      `${front} of the front ${where}${first === null ? '' : '; the most accurate of them:'}` :
      `${say(compared.length)} networks`;
    best.hidden = !narrowed || first === null;
    if (first !== null) {
      best.value = trials.number[first];
      best.textContent = `trial ${best.value}, ${trials.expected[first].toFixed(2)} % expected`;
    }
    return narrowed;
  }
  let turn = 0;
  async function narrow() { // counts at once; what takes longer waits until the hand rests
    const narrowed = count(), own = ++turn;
    await rest(80);
    if (own !== turn) return;
    tables.forEach((state, table) => show(table));
    for (const plot of plots) {
      const traces = plot.data.map((trace, index) => index).filter(index => ofTrials(plot.data[index]));
      if (traces.length === 0) continue;
      const points = traces.map(index => !narrowed ? null : plot.data[index].customdata
        .map((_, place) => fits(numberAt(plot.data[index], place)) ? place : -1).filter(place => place >= 0));
      await Plotly.restyle(plot, {selectedpoints: points}, traces);
      await rest();
      if (own !== turn) return;
    }
  }
  selects.forEach(one => one.addEventListener('input', narrow));
  $('input[data-budget]').forEach(input => {
    const {budget: cost, scale, plot} = input.dataset;
    const line = overlays.find(one => one.plot.id === plot).budget(value => {
      input.value = value === null ? '' : Number((value / scale).toPrecision(3));
      set(value === null ? null : input.value * scale);
    });
    function set(most) {
      if (most === null) budgets.delete(cost);
      else budgets.set(cost, most);
      line(most);
      narrow();
    }
    input.addEventListener('input', () => set(input.value === '' ? null : input.value * scale));
  });
  document.getElementById('show-all').addEventListener('click', () => {
    selects.forEach(one => { one.value = ''; });
    $('input[data-budget]').forEach(input => {
      input.value = '';
      input.dispatchEvent(new Event('input'));
    });
    document.getElementById('filter').value = '';
    document.getElementById('filter').dispatchEvent(new Event('input'));
    narrow();
  });
}

/* What lies over a figure: rings around trials, and the line of a budget. */
function overlay(plot) {
  const layer = document.createElement('div'), rings = {hovered: [], selected: []};
  layer.className = 'overlay';
  plot.after(layer);
  const places = new Map();
  plot.data.filter(ofTrials).forEach(trace => trace.customdata.forEach((_, index) => {
    const number = numberAt(trace, index);
    const axes = [trace.xaxis ?? 'x', trace.yaxis ?? 'y'].map(name => name.replace(/^[xy]/, '$&axis'));
    if (!places.has(number)) places.set(number, []);
    places.get(number).push([...axes, trace.x[index], trace.y[index]]);
  }));
  function ring(kind, numbers) {
    rings[kind] = numbers;
    $(`.${kind}`, layer).forEach(one => one.remove());
    const full = plot._fullLayout;
    for (const [xaxis, yaxis, x, y] of numbers.flatMap(number => places.get(number) ?? [])) {
      const [left, top] = [full[xaxis].d2p(x), full[yaxis].d2p(y)];
      if (!(left >= 0 && left <= full[xaxis]._length && top >= 0 && top <= full[yaxis]._length)) continue;
      const one = document.createElement('div');
      one.className = `ring ${kind}`;
      one.style.translate = `${full[xaxis]._offset + left}px ${full[yaxis]._offset + top}px`;
      layer.append(one);
    }
  }
  let place = () => {};
  function budget(told) {
    const handle = document.createElement('div');
    handle.className = 'handle';
    layer.append(handle);
    let most = null;
    place = () => {
      const {xaxis, yaxis} = plot._fullLayout;
      const left = most === null ? xaxis._length : Math.min(Math.max(xaxis.d2p(most), 0), xaxis._length);
      handle.style.translate = `${xaxis._offset + left}px ${yaxis._offset}px`;
      handle.style.height = `${yaxis._length}px`;
      handle.classList.toggle('set', most !== null);
    };
    handle.addEventListener('pointerdown', event => {
      event.preventDefault();
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener('pointermove', event => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const {xaxis} = plot._fullLayout, start = plot.getBoundingClientRect().left + xaxis._offset;
      const left = Math.max(0, event.clientX - start);
      told(left >= xaxis._length ? null : Math.max(0, xaxis.p2d(left)));
    });
    place();
    return value => { most = value; place(); };
  }
  plot.on('plotly_afterplot', () => {
    place();
    Object.entries(rings).forEach(([kind, numbers]) => ring(kind, numbers));
  });
  return {plot, ring, budget};
}

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
