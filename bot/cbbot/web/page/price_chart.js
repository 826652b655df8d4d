// Candles with averages, entries and exits, the levels of open lots and the gate of the next one.
import { byId, element, placesOf, price, seconds, words } from "/page/page_text.js";

const CANDLE_PX = 8, FEWEST = 40; // what a first look shows
const WORDS_WITHIN = 90; // candles in view up to which marks carry words
const LAYERS = [["averages", "averages"], ["marks", "entries, exits"], ["levels", "takes, stops"], ["gate", "gate of the next lot"]];

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export class PriceChart {
  #library; #chart; #candles; #fast; #slow; #gate; #marks; #lines = []; #bars = []; #step = Infinity; #lots = []; #trades = []; #path = [];
  #shown = Object.fromEntries(LAYERS.map(([name]) => [name, true])); #placed = false; #drawnMarks = ""; #wordy = false;

  // Null where the library is not among the files: then a sentence is in the chart's place.
  static async make() {
    if (document.documentElement.dataset.chart !== "yes") {
      byId("chart").className = "absent";
      byId("chart").textContent = "No chart: its library is not installed. tools/page_library.py of the source fetches it; all figures are below.";
      byId("chart").removeAttribute("tabindex");
      return null;
    }
    byId("credit").hidden = false;
    return new PriceChart(await import("/page/lightweight-charts.js"));
  }

  constructor(library) {
    this.#library = library;
    const place = byId("chart");
    this.#chart = library.createChart(place, { autoSize: true, layout: { attributionLogo: false }, timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 4, shiftVisibleRangeOnNewBar: false } });
    this.#fast = this.#line("fast", 2);
    this.#slow = this.#line("slow", 2);
    this.#gate = this.#line("gate", 2, library.LineStyle.Dotted);
    this.#candles = this.#chart.addSeries(library.CandlestickSeries, {});
    this.#marks = library.createSeriesMarkers(this.#candles, []);
    this.#paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.#paint(); this.#levels(); this.#mark(); });
    byId("layers").append(...LAYERS.map(layer => this.#layer(layer)));
    document.querySelectorAll("[data-view]").forEach(button => button.addEventListener("click", () => this.#view(button.dataset.view)));
    place.addEventListener("keydown", event => this.#key(event));
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange(range => {
      const wordy = range !== null && range.to - range.from <= WORDS_WITHIN;
      if (wordy === this.#wordy) return;
      this.#wordy = wordy;
      this.#mark();
    });
    this.#chart.subscribeCrosshairMove(move => this.#tell(move));
  }

  get bars() { return this.#bars; }

  setCandles(candles, averages) { this.#keepingView(() => this.#setCandles(candles, averages)); }

  #setCandles(candles, averages) {
    this.#bars = candles.map(barOf);
    this.#step = Math.min(...this.#bars.slice(1).map((bar, at) => bar.time - this.#bars[at].time));
    if (candles.length) {
      const places = placesOf(candles.at(-1).close);
      this.#candles.applyOptions({ priceFormat: { type: "price", precision: places, minMove: 10 ** -places } });
    }
    this.#candles.setData(this.#bars);
    const known = averagesTo(averages, this.#bars);
    this.#fast.setData(known.map(row => pointOf(row, "fast")));
    this.#slow.setData(known.map(row => pointOf(row, "slow")));
    this.#drawnMarks = "";
    this.#mark();
    this.#drawGate();
    if (!this.#placed && this.#bars.length) {
      this.#placed = true;
      this.#view("now");
    }
  }

  // The newest candles; false when there is a hole between them and what is shown.
  update(candles, averages) { return this.#keepingView(() => this.#update(candles, averages)); }

  #update(candles, averages) {
    const last = this.#bars.at(-1)?.time ?? 0, bars = candles.map(barOf).filter(bar => bar.time >= last);
    if (!bars.length || (last && bars[0].time !== last)) return candles.length === 0;
    for (const bar of bars) {
      if (bar.time === last) this.#bars[this.#bars.length - 1] = bar; else this.#bars.push(bar);
      this.#candles.update(bar);
    }
    for (const row of averagesTo(averages, this.#bars).filter(row => Number(row.start) >= last)) {
      this.#fast.update(pointOf(row, "fast"));
      this.#slow.update(pointOf(row, "slow"));
    }
    return true;
  }

  // A tick moves the candle that it is in at once; the bot's own candle follows.
  tick(text, at_ms) {
    const bar = this.#bars.at(-1), close = Number(text);
    if (!bar || at_ms / 1000 < bar.time || at_ms / 1000 >= bar.time + this.#step) return;
    Object.assign(bar, { close, high: Math.max(bar.high, close), low: Math.min(bar.low, close) });
    this.#candles.update({ ...bar });
  }

  setLots(lots) { this.#lots = lots; this.#levels(); this.#mark(); }

  setTrades(trades) { this.#trades = trades; this.#mark(); }

  setGate(path) { this.#path = path; this.#keepingView(() => this.#drawGate()); }

  show(trade) {
    const from = this.#at(seconds(trade.opened_at)), to = this.#at(seconds(trade.closed_at));
    if (to === null) {
      byId("under").textContent = `Trade ${trade.number} is older than the candles that the bot keeps.`;
      return;
    }
    const first = this.#index(from ?? this.#bars[0].time), last = this.#index(to), around = Math.max(20, (last - first) / 2);
    this.#chart.timeScale().setVisibleLogicalRange({ from: first - around, to: last + around });
    byId("chart").scrollIntoView({ block: "nearest" });
  }

  #line(_, lineWidth, lineStyle) {
    return this.#chart.addSeries(this.#library.LineSeries, { lineWidth, ...(lineStyle === undefined ? {} : { lineStyle }), priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false });
  }

  #paint() {
    const line = { color: colour("line") };
    this.#chart.applyOptions({
      layout: { background: { color: colour("card") }, textColor: colour("ink") },
      grid: { vertLines: line, horzLines: line }, rightPriceScale: { borderColor: colour("line") }, timeScale: { borderColor: colour("line") },
    });
    const up = colour("gain"), down = colour("loss");
    this.#candles.applyOptions({ upColor: up, borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down });
    this.#fast.applyOptions({ color: colour("fast") });
    this.#slow.applyOptions({ color: colour("slow") });
    this.#gate.applyOptions({ color: colour("gate") });
    this.#drawnMarks = "";
  }

  #layer([name, title]) {
    const label = element("label"), box = element("input");
    box.type = "checkbox";
    box.checked = true;
    box.dataset.layer = name;
    box.addEventListener("change", () => {
      this.#shown[name] = box.checked;
      this.#fast.applyOptions({ visible: this.#shown.averages });
      this.#slow.applyOptions({ visible: this.#shown.averages });
      this.#gate.applyOptions({ visible: this.#shown.gate });
      this.#levels();
      this.#mark();
    });
    label.append(box, title);
    return label;
  }

  // The open time of the candle that a time is in; null before the first.
  #at(time) {
    const bars = this.#bars;
    if (!bars.length || time < bars[0].time) return null;
    let low = 0, high = bars.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (bars[middle].time <= time) low = middle; else high = middle - 1;
    }
    return bars[low].time;
  }

  // Where a candle is: the gate goes on beyond the newest, and may have times that no candle has.
  #index(time) { return this.#chart.timeScale().timeToIndex(time, true); }

  // While the newest candle is in view it stays where it is, and what is older moves; else the view stays.
  #keepingView(change) {
    const scale = this.#chart.timeScale(), range = scale.getVisibleLogicalRange(), bar = this.#bars.at(-1);
    const before = bar ? this.#index(bar.time) : null;
    const found = change();
    const last = this.#bars.at(-1);
    if (range === null || before === null || !last) return found;
    const after = this.#index(last.time), moved = before >= range.from && before <= range.to ? after - before : 0;
    scale.setVisibleLogicalRange({ from: range.from + moved, to: range.to + moved });
    Object.assign(byId("chart").dataset, { newest: last.time, beyond: Math.max(Math.ceil(after - range.to - moved), 0) });
    return found;
  }

  #mark() {
    const marks = [];
    if (this.#shown.marks) {
      for (const lot of this.#lots) this.#entry(marks, lot);
      for (const trade of this.#trades) {
        this.#entry(marks, trade);
        const time = this.#at(seconds(trade.closed_at)), won = Number(trade.net_pnl) >= 0;
        if (time !== null) marks.push({ time, position: trade.side === "BUY" ? "aboveBar" : "belowBar", shape: "circle", color: colour(won ? "gain" : "loss"), text: this.#wordy ? words(trade.exit_reason) : "" });
      }
    }
    marks.sort((a, b) => a.time - b.time);
    const drawn = JSON.stringify(marks);
    if (drawn === this.#drawnMarks) return;
    this.#drawnMarks = drawn;
    this.#marks.setMarkers(marks);
    byId("chart").dataset.marks = String(marks.length);
  }

  #entry(marks, lot) {
    const time = this.#at(seconds(lot.opened_at)), buy = lot.side === "BUY";
    if (time !== null) marks.push({ time, position: buy ? "belowBar" : "aboveBar", shape: buy ? "arrowUp" : "arrowDown", color: colour("fast"), text: this.#wordy ? `lot ${lot.lot}` : "" });
  }

  #levels() {
    for (const line of this.#lines) this.#candles.removePriceLine(line);
    this.#lines = [];
    if (this.#shown.levels) {
      const dashed = this.#library.LineStyle.Dashed, axisLabelVisible = this.#lots.length <= 3;
      const add = (lot, kind, at, name) => at > 0 && this.#lines.push(this.#candles.createPriceLine({ price: at, color: colour(name), lineWidth: 1, lineStyle: dashed, axisLabelVisible, title: `${kind} ${lot.lot}` }));
      for (const lot of this.#lots) {
        add(lot, "take", lot.take_price, "gain");
        add(lot, "stop", lot.stop_price, "loss");
        if (lot.trail_active) add(lot, "trail", lot.trail_stop_price, "warn");
      }
    }
    byId("chart").dataset.levels = String(this.#lines.length);
  }

  #drawGate() {
    const first = this.#bars[0]?.time ?? Infinity;
    const path = this.#path.map(point => ({ time: Number(point.start), value: point.price })).filter(point => point.time >= first);
    this.#gate.setData(path);
    byId("chart").dataset.gate = String(path.length);
  }

  #view(which) {
    const scale = this.#chart.timeScale(), range = scale.getVisibleLogicalRange();
    if (which === "all") {
      scale.fitContent();
    } else if (which === "now") {
      const shown = Math.max(Math.round(scale.width() / CANDLE_PX), FEWEST), newest = this.#bars.at(-1);
      const end = newest ? this.#index(newest.time) : 0;
      scale.setVisibleLogicalRange({ from: end - shown, to: end + 5 });
    } else if (range) {
      const change = (range.to - range.from) * (which === "in" ? 0.2 : -0.3);
      scale.setVisibleLogicalRange({ from: range.from + change, to: range.to - change });
    }
  }

  #key(event) {
    const scale = this.#chart.timeScale();
    const acts = {
      ArrowLeft: () => scale.scrollToPosition(scale.scrollPosition() - 10, false),
      ArrowRight: () => scale.scrollToPosition(scale.scrollPosition() + 10, false),
      "+": () => this.#view("in"), "-": () => this.#view("out"), Home: () => this.#view("all"), End: () => this.#view("now"),
    };
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  #tell(move) {
    const bar = move.seriesData?.get(this.#candles);
    if (!bar) return;
    const places = this.#candles.options().priceFormat.precision, at = new Date(bar.time * 1000).toISOString().slice(0, 16).replace("T", " ");
    const said = ["open", "high", "low", "close"].map(name => `${name} ${price(bar[name].toFixed(places))}`);
    byId("under").textContent = `${at}  ${said.join("  ")}.`;
  }
}

// Asked for a moment later, averages may be a candle ahead; a series takes nothing that is older than its newest.
const averagesTo = (averages, bars) => averages.filter(row => Number(row.start) <= (bars.at(-1)?.time ?? 0));

const barOf = row => ({ time: Number(row.start), open: Number(row.open), high: Number(row.high), low: Number(row.low), close: Number(row.close) });

const pointOf = (row, name) => row[name] === null ? { time: Number(row.start) } : { time: Number(row.start), value: row[name] };
