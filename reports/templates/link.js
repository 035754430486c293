'use strict'; // of page.js: what ties figures and tables together, which it asks for when all are drawn
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
  const chosen = document.getElementById('selected'), small = matchMedia('(max-width: 640px)');
  function select(number) {
    mark('selected', number);
    chosen.hidden = number === null;
    if (number === null) return;
    const lines = trials.hover[at.get(number)].split('<br>');
    const told = (small.matches ? lines.slice(0, 4) : lines).join('; '); // a small screen has no room for its operations
    const said = new DOMParser().parseFromString(told, 'text/html');
    chosen.querySelector('p').textContent = said.body.textContent;
    chosen.querySelector('.export').hidden = !trials.compared[at.get(number)];
    chosen.querySelector('.export code span').textContent = number;
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
  chosen.querySelector('button.clear').addEventListener('click', () => select(null));
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
  const selects = $('select[data-site]'), inputs = $('input[data-budget]');
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
    const fit = limits.length ? 'fit the budget' : 'fit', least = first === null ? smallest(compared) : null;
    best.hidden = !narrowed || (first ?? least) === null;
    if (!narrowed) {
      within.textContent = `${say(compared.length)} networks`;
    } else if (first !== null) {
      within.textContent = `${say(left.length)} of ${say(compared.length)} networks ${fit}, ` +
        `${front || 'none'} of the front; the most accurate:`;
      best.value = trials.number[first];
      best.textContent = `trial ${best.value}, ${trials.expected[first].toFixed(2)} % expected`;
    } else {
      within.textContent = `None of ${say(compared.length)} networks ${fit}${least === null ? '' : '; the smallest there is:'}`;
      if (least !== null) [best.value, best.textContent] = least;
    }
    const answer = `${within.textContent} ${best.hidden ? '' : best.textContent}`;
    inputs.forEach(input => {
      input.parentElement.querySelector('.fits').textContent = budgets.has(input.dataset.budget) ? answer : '';
    });
    return narrowed;
  }
  // Of the first budget that is below everything; rounded up, for it is what a reader types next.
  function smallest(compared) {
    for (const {dataset: {budget: cost, scale}, step, nextElementSibling: unit} of inputs) {
      const costs = trials.costs[cost], index = compared.reduce((a, b) => costs[b] < costs[a] ? b : a);
      if (!(budgets.get(cost) < costs[index])) continue;
      const value = Number((Math.ceil(costs[index] / scale / step) * step).toPrecision(6));
      return [trials.number[index], `trial ${trials.number[index]}, ${value} ${unit.textContent}`];
    }
    return null;
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
  inputs.forEach(input => {
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
    inputs.forEach(input => {
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
