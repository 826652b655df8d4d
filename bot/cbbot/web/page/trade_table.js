// Closed trades: any number of them, of which only the rows in view are elements.
import { ask } from "/page/live_feed.js";
import { byId, clock, element, price, rowOf, signed, signOf, words } from "/page/page_text.js";

const PAGE = 1000, FIRST_PAGE = 200, ROW = 28, AROUND = 10;
const COLUMNS = [
  ["number", "trade", row => String(row.number), row => row.number, "number"],
  ["closed_at", "closed", row => clock(row.closed_at, ""), row => row.closed_at, ""],
  ["net_pnl", "net PnL", row => signed(row.net_pnl), row => Number(row.net_pnl), "number"],
  ["exit_reason", "closed by", row => words(row.exit_reason), row => row.exit_reason, ""],
  ["lot", "lot", row => String(row.lot), row => row.lot, "number"],
  ["closed_as", "role", row => row.closed_as, row => row.closed_as, ""],
  ["side", "side", row => row.side, row => row.side, ""],
  ["opened_at", "opened", row => clock(row.opened_at, ""), row => row.opened_at, ""],
  ["open_price", "open", row => price(row.open_price), row => Number(row.open_price), "number"],
  ["close_price", "close", row => price(row.close_price), row => Number(row.close_price), "number"],
  ["base_size", "size", row => row.base_size, row => Number(row.base_size), "number"],
];

// Newest first; none while it is not known whether there are any.
const pageOfTrades = async (limit, before) =>
  (await ask(`/trades?limit=${limit}${before === undefined ? "" : `&before=${before}`}`)) ?? [];

export class TradeTable {
  #rows = []; #shown = []; #by = "number"; #falling = true; #chosen = null; #first = -1; #complete = false; #loading = false;
  #scroll = byId("trades-scroll"); #body = byId("trades").tBodies[0]; #onChoose;

  constructor(onChoose) {
    this.#onChoose = onChoose;
    byId("trades").tHead.rows[0].append(...COLUMNS.map(([key, title, , , classes]) => this.#head(key, title, classes)));
    this.#scroll.addEventListener("scroll", () => this.#draw(), { passive: true });
    byId("trades-by").addEventListener("change", () => this.#arrange());
    byId("trades-all").addEventListener("click", () => this.loadAll());
    this.#body.addEventListener("click", event => this.#choose(event.target.closest("tr[data-number]")));
    this.#body.addEventListener("keydown", event => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.#choose(event.target.closest("tr[data-number]"));
      }
    });
    this.#mark();
  }

  get rows() { return this.#rows; }

  // The newest page; trades that were not known yet are put before the others.
  async refresh() {
    const page = await pageOfTrades(this.#rows.length ? 50 : FIRST_PAGE);
    const newest = this.#rows[0]?.number ?? 0;
    let fresh = page.filter(row => row.number > newest);
    while (newest && fresh.length && fresh.at(-1).number > newest + 1) {
      const more = (await pageOfTrades(PAGE, fresh.at(-1).number)).filter(row => row.number > newest);
      if (!more.length) break;
      fresh = [...fresh, ...more];
    }
    // Numbers that fell: another state is being traded on.
    const again = page.length > 0 && page[0].number < newest;
    if (!fresh.length && !again && this.#first >= 0) return;
    this.#rows = again ? page : [...fresh, ...this.#rows];
    if (again || newest === 0) this.#complete = page.length < FIRST_PAGE;
    this.#arrange();
  }

  async loadAll() {
    if (this.#loading) return;
    this.#loading = true;
    byId("trades-all").disabled = true;
    try {
      while (!this.#complete) {
        const page = await pageOfTrades(PAGE, this.#rows.at(-1).number);
        this.#rows = [...this.#rows, ...page];
        this.#complete = page.length < PAGE;
      }
    } finally {
      this.#loading = false;
      byId("trades-all").disabled = false;
      this.#arrange();
    }
  }

  #head(key, title, classes) {
    const head = element("th", "", classes), button = element("button", title);
    head.scope = "col";
    head.dataset.key = key;
    button.type = "button";
    button.addEventListener("click", () => {
      this.#falling = this.#by === key ? !this.#falling : true;
      this.#by = key;
      this.#mark();
      this.#arrange();
    });
    head.append(button);
    return head;
  }

  #mark() {
    for (const head of byId("trades").tHead.rows[0].cells) {
      const order = this.#falling ? "descending" : "ascending";
      head.setAttribute("aria-sort", head.dataset.key === this.#by ? order : "none");
    }
  }

  #arrange() {
    this.#offer();
    const wanted = byId("trades-by").value, key = COLUMNS.find(([name]) => name === this.#by)[3];
    const sign = this.#falling ? -1 : 1;
    this.#shown = wanted ? this.#rows.filter(row => row.exit_reason === wanted) : [...this.#rows];
    this.#shown.sort((a, b) => {
      const x = key(a), y = key(b);
      return x < y ? -sign : x > y ? sign : b.number - a.number;
    });
    const total = this.#rows[0]?.number ?? 0, of = this.#complete ? this.#rows.length : total;
    const sum = this.#shown.reduce((so_far, row) => so_far + Number(row.net_pnl), 0);
    const count = this.#shown.length.toLocaleString("en-US");
    byId("trades-said").textContent = this.#shown.length === of
      ? `${count} trades, ${signed(sum)} USD` : `${count} of ${of.toLocaleString("en-US")} trades, ${signed(sum)} USD`;
    byId("trades-all").hidden = this.#complete;
    byId("trades").setAttribute("aria-rowcount", String(this.#shown.length + 1));
    this.#first = -1;
    this.#draw();
  }

  #offer() {
    const choice = byId("trades-by"), known = new Set([...choice.options].map(option => option.value));
    for (const reason of new Set(this.#rows.map(row => row.exit_reason))) {
      if (known.has(reason)) continue;
      const option = element("option", words(reason));
      option.value = reason;
      choice.append(option);
    }
  }

  #draw() {
    const inView = Math.ceil(this.#scroll.clientHeight / ROW) + 2 * AROUND;
    // Fewer rows than before: what was scrolled to may be beyond their end.
    const end = Math.max(this.#shown.length - inView, 0);
    const first = Math.min(Math.max(Math.floor(this.#scroll.scrollTop / ROW) - AROUND, 0), end);
    if (first === this.#first) return;
    this.#first = first;
    if (!this.#shown.length) {
      const row = rowOf([["No lot was closed yet."]]);
      row.className = "none";
      row.cells[0].colSpan = COLUMNS.length;
      this.#body.replaceChildren(row);
      return;
    }
    const last = Math.min(first + inView, this.#shown.length);
    const held = document.activeElement?.dataset?.number;
    this.#body.replaceChildren(
      space(first * ROW), ...this.#shown.slice(first, last).map((row, at) => this.#row(row, first + at)),
      space((this.#shown.length - last) * ROW),
    );
    if (held) this.#body.querySelector(`tr[data-number="${held}"]`)?.focus({ preventScroll: true });
  }

  #row(trade, at) {
    const row = rowOf(COLUMNS.map(([key, , shown, , classes]) => [
      shown(trade), key === "net_pnl" ? `${classes} ${signOf(trade.net_pnl)}` : classes,
    ]));
    row.dataset.number = trade.number;
    row.tabIndex = 0;
    row.setAttribute("aria-rowindex", String(at + 2));
    row.classList.toggle("chosen", trade.number === this.#chosen);
    return row;
  }

  #choose(row) {
    if (row === null) return;
    this.#chosen = Number(row.dataset.number);
    for (const each of this.#body.rows) each.classList.toggle("chosen", each === row);
    this.#onChoose(this.#rows.find(trade => trade.number === this.#chosen));
  }
}

function space(height) {
  const row = element("tr", "", "space"), cell = element("td");
  row.setAttribute("aria-hidden", "true");
  cell.colSpan = COLUMNS.length;
  cell.style.height = `${height}px`;
  row.append(cell);
  return row;
}
