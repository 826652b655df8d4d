// Four charts over one time axis. Whatever part of the run is in view is drawn anew from the whole of it.
const MOST_POINTS = 4000;
const MOST_CANDLES = 240;
const MOST_MARKS = 2000;
const place = document.getElementById('chart');
const whole = [lines.time[0] - run.candle, lines.time[lines.time.length - 1] + run.candle];
let view = [...whole];
let chosen = null;
let hidden = new Set();
let apart = true;
let dragging = 'zoom';

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const narrow = () => window.innerWidth <= 640;
const words = (reason) => reason.replaceAll('_', ' ');

const STYLES = {
  take_profit: ['gain', 'circle'], stop_loss: ['loss', 'x'], trailing_stop: ['trail', 'diamond'],
};

// What plotly knows a trace by, also in its selectors: no spaces.
const identity = (name) => name.replaceAll(' ', '-');

const line = (name, values, key, axis, first, last, more = {}) => {
  const indices = thinned(values, first, last, MOST_POINTS);
  return {
    type: 'scatter', mode: 'lines', name, uid: identity(name), x: picked(lines.time, indices), y: picked(values, indices), yaxis: axis,
    line: {color: colour(key), width: 1.4}, ...more,
  };
};

const marks = (name, key, symbol, indices, x, y, text, angle = 0) => ({
  type: 'scatter', mode: 'markers', name, uid: identity(name), x: indices.map(x), y: indices.map(y), text: indices.map(text),
  hovertemplate: '%{text}<extra></extra>', yaxis: 'y',
  marker: {color: colour(key), symbol, size: narrow() ? 8 : 10, angle, line: {color: colour('paper'), width: 1}},
});

// Trades in view; where there are too many to see, those that won or lost most.
const inView = (times, weight) => {
  const found = [];
  for (let i = 0; i < times.length; i += 1) if (times[i] >= view[0] && times[i] <= view[1]) found.push(i);
  if (found.length <= MOST_MARKS) return [found, found.length];
  const most = [...found].sort((a, b) => weight(b) - weight(a) || a - b).slice(0, MOST_MARKS);
  return [most.sort((a, b) => a - b), found.length];
};

const lotText = (lots, i) => `lot ${lots.lot[i]}, ${lots.role[i]}, ${lots.side[i]} ${lots.base_size[i]}`;
const entryText = (i) =>
  `<b>entry</b> ${lotText(run.trades, i)}<br>${moment(run.trades.opened[i])} at ${price(run.trades.open_price[i])}`
  + `<br>closed by ${words(run.trades.exit_reason[i])}, ${signed(run.trades.net_pnl[i])}`;
const exitText = (i) =>
  `<b>${words(run.trades.exit_reason[i])}</b> ${lotText(run.trades, i)}<br>${moment(run.trades.closed[i])} at `
  + `${price(run.trades.close_price[i])}<br>net PnL <b>${signed(run.trades.net_pnl[i])}</b>, held `
  + `${span(run.trades.closed[i] - run.trades.opened[i])}`;
const openText = (i) =>
  `<b>still open</b> ${lotText(run.open, i)}<br>${moment(run.open.opened[i])} at ${price(run.open.open_price[i])}`
  + `<br>unrealised ${signed(run.open.unrealized_pnl[i])}`;

const markTraces = () => {
  const {trades, open} = run;
  const weight = (i) => Math.abs(Number(trades.net_pnl[i]));
  const seen = (i) => !hidden.has(trades.exit_reason[i]);
  const [entries, entered] = inView(trades.opened, weight);
  const [exits, left] = inView(trades.closed, weight);
  const traces = ['BUY', 'SELL'].map((side) => {
    const indices = entries.filter((i) => trades.side[i] === side && seen(i));
    return [trades.side.includes(side), marks(`${side} entry`, 'entry', side === 'BUY' ? 'triangle-up' : 'triangle-down',
      indices, (i) => trades.opened[i], (i) => Number(trades.open_price[i]), entryText)];
  }).filter(([any]) => any).map(([, trace]) => trace);
  for (const reason of run.reasons) {
    const [key, symbol] = STYLES[reason] ?? ['other', 'square'];
    traces.push(marks(words(reason), key, symbol, exits.filter((i) => trades.exit_reason[i] === reason && seen(i)),
      (i) => trades.closed[i], (i) => Number(trades.close_price[i]), exitText));
  }
  const [waiting] = inView(open.opened, () => 0);
  if (open.lot.length) {
    traces.push(marks('still open', 'entry', 'triangle-up-open', waiting,
      (i) => open.opened[i], (i) => Number(open.open_price[i]), openText));
  }
  return [traces, Math.max(entered - entries.length, left - exits.length)];
};

const tradeLine = (name, y, key, dash, width) => ({
  type: 'scatter', mode: 'lines', name, uid: identity(name), showlegend: false, hoverinfo: 'skip', yaxis: 'y',
  x: [run.trades.opened[chosen], run.trades.closed[chosen]], y, line: {color: colour(key), width, dash},
});

// The levels that the chosen trade left with. One far from the prices in view would press them flat: it is told, not drawn.
const LEVELS = [['stop', 'loss'], ['take', 'gain'], ['trail', 'trail']];
const tradeTraces = (first, last) => {
  const levels = document.getElementById('levels');
  if (chosen === null) {
    levels.textContent = '';
    return [];
  }
  const {trades} = run;
  const ends = [Number(trades.open_price[chosen]), Number(trades.close_price[chosen])];
  let lowest = Math.min(...ends);
  let highest = Math.max(...ends);
  for (let i = first; i < last; i += 1) {
    lowest = Math.min(lowest, lines.low[i]);
    highest = Math.max(highest, lines.high[i]);
  }
  const room = highest - lowest;
  const near = (level) => level >= lowest - room && level <= highest + room;
  const known = LEVELS.filter(([name]) => trades[name][chosen] !== null);
  const words = known.map(([name]) => {
    const level = trades[name][chosen];
    return `${name} ${price(level)}${near(level) ? '' : ' (beyond the chart)'}`;
  });
  levels.textContent = `Lot ${trades.lot[chosen]} left with ${words.join(', ')}.`;
  return [
    ...known.filter(([name]) => near(trades[name][chosen])).map(([name, key]) =>
      tradeLine(name, [trades[name][chosen], trades[name][chosen]], key, 'dash', 1.4)),
    tradeLine('chosen trade', ends, Number(trades.net_pnl[chosen]) > 0 ? 'gain' : 'loss', 'dot', 2.5),
  ];
};

const priceTraces = (first, last) => {
  const lone = last - first <= MOST_CANDLES && run.kept === run.steps;
  const close = {hovertemplate: `%{y:,.${run.digits}f}<extra>close</extra>`};
  const average = (words) => ({hovertemplate: `%{y:,.${run.digits}f}<extra>${words}</extra>`, connectgaps: false});
  const [fast, slow] = run.averages;
  const drawn = lone
    ? {
      type: 'candlestick', name: 'price', uid: 'price', yaxis: 'y', x: lines.time.slice(first, last),
      open: lines.open.slice(first, last), high: lines.high.slice(first, last), low: lines.low.slice(first, last),
      close: lines.close.slice(first, last), increasing: {line: {color: colour('gain'), width: 1}},
      decreasing: {line: {color: colour('loss'), width: 1}}, opacity: 0.75,
    }
    : line('price', lines.close, 'price', 'y', first, last, close);
  // The price last, so that the averages of a long run do not hide it.
  return [
    line(`MA ${fast}`, lines.fast, 'fast', 'y', first, last, average(`MA ${fast}`)),
    line(`MA ${slow}`, lines.slow, 'slow', 'y', first, last, average(`MA ${slow}`)),
    drawn,
  ];
};

const traces = () => {
  const first = Math.max(0, indexOf(view[0]) - 1);
  const last = Math.min(lines.time.length, indexOf(view[1]) + 1);
  const [marked, left] = markTraces();
  const usd = (name) => ({hovertemplate: `%{y:,.2f}<extra>${name}</extra>`});
  const below = (name) => ({fill: 'tozeroy', hovertemplate: `%{y:.2f} %<extra>${name}</extra>`, showlegend: false});
  const drawn = priceTraces(first, last);
  tell(last - first, drawn[drawn.length - 1].x.length, left);
  return [
    ...drawn,
    ...tradeTraces(first, last),
    ...marked,
    line('equity', lines.equity, 'equity', 'y2', first, last, usd('equity')),
    line('buy and hold', lines.hold, 'hold', apart ? 'y5' : 'y2', first, last, usd('buy and hold')),
    line('drawdown', lines.drawdown, 'fall', 'y3', first, last, below('drawdown')),
    line('exposure', lines.exposure, 'slow', 'y4', first, last, below('exposure')),
  ];
};

// What the lines leave out, in words.
const tell = (steps, points, left) => {
  const parts = points < steps
    ? [`The lines show ${points.toLocaleString('en-US')} of ${steps.toLocaleString('en-US')} steps in view: the first, `
      + 'lowest and highest of each stretch; nearer there are more, and candles at last.']
    : [`All ${steps.toLocaleString('en-US')} steps in view are drawn.`];
  if (left > 0) parts.push(`${left.toLocaleString('en-US')} trades that won or lost less are not marked.`);
  document.getElementById('drawn').textContent = parts.join(' ');
};

const axis = (domain, title, more = {}) => ({
  ...(domain ? {domain} : {}), ...(title ? {title: {text: title, standoff: 6}} : {}), fixedrange: true, autorange: true, gridcolor: colour('line'),
  zeroline: false, automargin: true, ...more,
});

const layout = () => ({
  paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', hovermode: 'closest', dragmode: narrow() ? false : dragging,
  font: {family: 'system-ui, sans-serif', size: narrow() ? 11 : 12, color: colour('ink')},
  margin: {l: narrow() ? 8 : 16, r: 8, t: 8, b: 44}, showlegend: true,
  // What was switched off by a click on the legend stays off when the chart is drawn anew.
  legend: {orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', font: {size: narrow() ? 10 : 12}, uirevision: 'run'},
  hoverlabel: {bgcolor: colour('paper'), bordercolor: colour('line'), font: {color: colour('ink')}, align: 'left'},
  xaxis: {
    type: 'date', range: [...view], anchor: 'y4', gridcolor: colour('line'), rangeslider: {visible: false},
    showspikes: true, spikemode: 'across', spikethickness: 1, spikecolor: colour('faint'), spikedash: 'dot', spikesnap: 'cursor',
    fixedrange: narrow(), tickangle: 0, nticks: narrow() ? 4 : 10,
  },
  yaxis: axis([0.5, 1], narrow() ? '' : 'price', {tickformat: `,.${run.digits}~f`}),
  yaxis2: axis([0.29, 0.46], narrow() ? '' : 'equity', {tickformat: ',.2~f'}),
  yaxis3: axis([0.15, 0.26], narrow() ? '' : 'drawdown', {ticksuffix: ' %'}),
  yaxis4: axis([0, 0.11], narrow() ? '' : 'exposure', {ticksuffix: ' %', rangemode: 'tozero'}),
  ...(apart ? {yaxis5: axis(null, narrow() ? '' : 'buy and hold', {
    overlaying: 'y2', side: 'right', showgrid: false, tickmode: 'auto', nticks: 5, tickformat: ',.2~f', tickfont: {color: colour('hold')},
  })} : {}),
});

const config = () => ({
  responsive: true, displaylogo: false, displayModeBar: false, doubleClick: false, showTips: false, scrollZoom: !narrow(),
});
const draw = () => Plotly.react(place, traces(), layout(), config());

const show = (from, to) => {
  const least = run.candle * 10;
  const middle = (from + to) / 2;
  const half = Math.max(to - from, least) / 2;
  view = [Math.max(whole[0], middle - half), Math.min(whole[1], middle + half)];
  return draw();
};

const showTrade = (index) => {
  chosen = index;
  const opened = run.trades.opened[index];
  const closed = run.trades.closed[index];
  const room = Math.max((closed - opened) * 0.25, run.candle * 30);
  place.scrollIntoView({block: 'nearest'});
  return show(opened - room, closed + room);
};

const moved = (share) => {
  const by = (view[1] - view[0]) * share;
  const kept = Math.max(whole[0] - view[0], Math.min(whole[1] - view[1], by));
  return show(view[0] + kept, view[1] + kept);
};

const scaled = (factor) => show(
  (view[0] + view[1]) / 2 - (view[1] - view[0]) / 2 * factor, (view[0] + view[1]) / 2 + (view[1] - view[0]) / 2 * factor,
);

// Plotly tells the bounds of its time axis as text without a zone; they are UTC.
const asTime = (bound) => (typeof bound === 'number' ? bound : Date.parse(`${bound.replace(' ', 'T')}Z`));
