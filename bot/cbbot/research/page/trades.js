// The table of trades: only the rows in sight exist when there are many.
const ROW = 30;
const ALL_ROWS = 500;
const body = document.querySelector('#trades tbody');
const scroll = document.getElementById('scroll');
const {trades} = run;
const order = {key: 'lot', falling: false};
let rows = [];

const KEYS = {
  lot: (i) => trades.lot[i], role: (i) => trades.role[i], side: (i) => trades.side[i], opened: (i) => trades.opened[i],
  open_price: (i) => Number(trades.open_price[i]), base_size: (i) => Number(trades.base_size[i]),
  closed: (i) => trades.closed[i], close_price: (i) => Number(trades.close_price[i]),
  held: (i) => trades.closed[i] - trades.opened[i], exit_reason: (i) => trades.exit_reason[i], fees: (i) => trades.fees[i],
  return_pct: (i) => trades.return_pct[i], net_pnl: (i) => Number(trades.net_pnl[i]),
};

const role = (i) => (trades.role[i] === trades.closed_as[i] ? trades.role[i] : `${trades.role[i]} → ${trades.closed_as[i]}`);
const cells = (i) => [
  trades.lot[i], role(i), trades.side[i], moment(trades.opened[i]), price(trades.open_price[i]), trades.base_size[i],
  moment(trades.closed[i]), price(trades.close_price[i]), span(trades.closed[i] - trades.opened[i]),
  words(trades.exit_reason[i]), money(trades.fees[i], 4), percent(trades.return_pct[i]),
  signed(trades.net_pnl[i]),
];

const space = (height) => {
  const row = document.createElement('tr');
  row.className = 'space';
  row.setAttribute('aria-hidden', 'true');
  row.insertCell().style.height = `${height}px`;
  return row;
};

const made = (position) => {
  const index = rows[position];
  const row = document.createElement('tr');
  row.dataset.index = index;
  row.tabIndex = 0;
  row.setAttribute('aria-rowindex', position + 2);
  row.setAttribute('aria-selected', index === chosen);
  for (const text of cells(index)) row.insertCell().textContent = text;
  row.lastChild.className = Number(trades.net_pnl[index]) > 0 ? 'gain' : 'loss';
  return row;
};

const fill = () => {
  let first = 0;
  let last = rows.length;
  if (rows.length > ALL_ROWS) {
    const seen = Math.ceil(scroll.clientHeight / ROW);
    first = Math.max(0, Math.min(Math.floor(scroll.scrollTop / ROW), rows.length - seen) - 20);
    last = Math.min(rows.length, first + seen + 40);
  }
  const wanted = [];
  for (let position = first; position < last; position += 1) wanted.push(made(position));
  body.replaceChildren(space(first * ROW), ...wanted, space((rows.length - last) * ROW));
};

const arrange = () => {
  const key = KEYS[order.key];
  rows = trades.lot.map((_, i) => i).filter((i) => !hidden.has(trades.exit_reason[i]));
  const turn = order.falling ? -1 : 1;
  rows.sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    return (one < other ? -turn : one > other ? turn : 0) || a - b;
  });
  for (const head of document.querySelectorAll('#trades th')) {
    head.setAttribute('aria-sort', head.dataset.key !== order.key ? 'none' : order.falling ? 'descending' : 'ascending');
  }
  const all = trades.lot.length;
  document.getElementById('shown').textContent =
    `${rows.length.toLocaleString('en-US')}${rows.length < all ? ` of ${all.toLocaleString('en-US')}` : ''} trades`;
  fill();
};
