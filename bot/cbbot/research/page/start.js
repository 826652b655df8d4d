// What people do with the page.
const choose = (row) => {
  if (!row) return;
  showTrade(Number(row.dataset.index));
  for (const each of body.rows) each.setAttribute('aria-selected', each === row);
};

body.addEventListener('click', (event) => choose(event.target.closest('tr[data-index]')));
body.addEventListener('keydown', (event) => {
  const row = event.target.closest('tr[data-index]');
  if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault();
    choose(row);
  } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    const next = event.key === 'ArrowDown' ? row.nextElementSibling : row.previousElementSibling;
    if (next?.dataset.index) next.focus();
  }
});

document.querySelector('#trades thead').addEventListener('click', (event) => {
  const head = event.target.closest('th');
  if (!head) return;
  order.falling = order.key === head.dataset.key ? !order.falling : false;
  order.key = head.dataset.key;
  scroll.scrollTop = 0;
  arrange();
});

document.getElementById('reasons').addEventListener('change', () => {
  hidden = new Set([...document.querySelectorAll('input[name=reason]')].filter((box) => !box.checked).map((box) => box.value));
  scroll.scrollTop = 0;
  arrange();
  draw();
});

let waiting = false;
scroll.addEventListener('scroll', () => {
  if (waiting || rows.length <= ALL_ROWS) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    fill();
  });
});

const entire = () => {
  chosen = null;
  for (const each of body.rows) each.setAttribute('aria-selected', false);
  return show(...whole);
};
document.getElementById('whole').addEventListener('click', entire);
document.getElementById('earlier').addEventListener('click', () => moved(-0.5));
document.getElementById('later').addEventListener('click', () => moved(0.5));
document.getElementById('nearer').addEventListener('click', () => scaled(0.5));
document.getElementById('farther').addEventListener('click', () => scaled(2));

const toggled = (id, change) => document.getElementById(id).addEventListener('click', (event) => {
  const on = event.currentTarget.getAttribute('aria-pressed') !== 'true';
  event.currentTarget.setAttribute('aria-pressed', on);
  change(on);
  draw();
});
toggled('scales', (on) => { apart = on; });
toggled('pan', (on) => { dragging = on ? 'pan' : 'zoom'; });

const KEYSTROKES = {
  ArrowLeft: () => moved(-0.25), ArrowRight: () => moved(0.25), '+': () => scaled(0.5), '-': () => scaled(2),
};
place.addEventListener('keydown', (event) => {
  const act = KEYSTROKES[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});

const drawAll = () => {
  drawAnalysis();
  return draw();
};
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
window.matchMedia('(max-width: 640px)').addEventListener('change', drawAll);

arrange();
drawAll().then(() => {
  place.on('plotly_relayout', (change) => {
    const from = change['xaxis.range[0]'] ?? change['xaxis.range']?.[0];
    const to = change['xaxis.range[1]'] ?? change['xaxis.range']?.[1];
    if (from !== undefined && to !== undefined) show(asTime(from), asTime(to));
  });
  place.on('plotly_doubleclick', entire);
  document.documentElement.dataset.drawn = 'yes';
});
