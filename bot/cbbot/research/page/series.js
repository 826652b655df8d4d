// The run's columns, unpacked, and how few of their points a screen needs.
const run = JSON.parse(document.getElementById('run').textContent);

const unpack = ({kind, data}) => {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  const view = new DataView(bytes.buffer);
  const size = kind === 'f8' ? 8 : 4;
  const read = {i4: view.getInt32, f4: view.getFloat32, f8: view.getFloat64}[kind];
  return Float64Array.from({length: bytes.length / size}, (_, i) => read.call(view, i * size, true));
};

const column = (name) => unpack(run.columns[name]);
const priced = (ticks) => ticks.map((value) => value * run.tick);

const lines = (() => {
  const close = column('close');
  const above = (name) => priced(column(name).map((value, i) => value + close[i]));
  const first = close[0];
  return {
    time: column('time').map((steps) => run.origin + steps * run.candle),
    open: priced(column('open')), high: priced(column('high')), low: priced(column('low')), close: priced(close),
    fast: above('fast'), slow: above('slow'),
    equity: column('equity').map((value) => run.start + value),
    hold: close.map((value) => run.start * value / first),
    drawdown: column('drawdown'), exposure: column('exposure'),
  };
})();

// The first index whose time is not before `moment`.
const indexOf = (moment) => {
  let low = 0;
  let high = lines.time.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines.time[middle] < moment) low = middle + 1; else high = middle;
  }
  return low;
};

// Indices of [first, last) to draw `values` with: all, or of each stretch its first, lowest and highest.
const thinned = (values, first, last, most) => {
  const chosen = [];
  const width = Math.ceil((last - first) * 3 / most);
  if (width <= 3) {
    for (let i = first; i < last; i += 1) chosen.push(i);
    return chosen;
  }
  for (let from = first; from < last; from += width) {
    let lowest = from;
    let highest = from;
    const to = Math.min(from + width, last);
    for (let i = from; i < to; i += 1) {
      if (values[i] < values[lowest]) lowest = i;
      if (values[i] > values[highest]) highest = i;
    }
    chosen.push(...[...new Set([from, lowest, highest])].sort((a, b) => a - b));
  }
  if (chosen[chosen.length - 1] !== last - 1) chosen.push(last - 1);
  return chosen;
};

const picked = (values, indices) => indices.map((i) => values[i]);

const money = (value, digits = 2) =>
  Number(value).toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});
const price = (value) => money(value, run.digits);
const signed = (value) => (Number(value) > 0 ? '+' : '') + money(value, Math.abs(Number(value)) < 1 ? 4 : 2);
const percent = (value) => `${value > 0 ? '+' : ''}${value.toFixed(2)} %`;
const moment = (ms) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
const span = (ms) => {
  const minutes = Math.round(ms / 60000);
  const parts = [[Math.floor(minutes / 1440), 'd'], [Math.floor(minutes / 60) % 24, 'h'], [minutes % 60, 'min']];
  const from = parts.findIndex(([count]) => count > 0);
  return from < 0 ? '0 min' : parts.slice(from, from + 2).map(([count, unit]) => `${count} ${unit}`).join(' ');
};
