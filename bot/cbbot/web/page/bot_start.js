// Brings the parts together: what is heard says what is asked for again.
import { showAges, showStatus } from "/page/figure_tiles.js";
import { ask, listen, Refresher } from "/page/live_feed.js";
import { byId, placesOf } from "/page/page_text.js";
import { PriceChart } from "/page/price_chart.js";
import { addDecision, addNotice, noNotices, showDecisions, showGates, showLots } from "/page/small_tables.js";
import { beginSteering, refreshAccess, steeringOf } from "/page/steering.js";
import { TradeTable } from "/page/trade_table.js";

const CANDLES = 1000, NEWEST_CANDLES = 60, REFRESH_MS = 1000;
const EVERYTHING = ["history", "lots", "trades", "decisions", "gates", "access"];

let chart = null;
const trades = new TradeTable(trade => chart?.show(trade));
let places = 2, lost = "";

function show(status) {
  if (status.last_price !== null) places = placesOf(status.last_price);
  showStatus(status);
  steeringOf(status);
}

const refresher = new Refresher({
  async history() {
    if (chart === null) return;
    const [candles, averages] = await Promise.all([ask(`/candles?limit=${CANDLES}`), ask(`/averages?limit=${CANDLES}`)]);
    chart.setCandles(candles, averages);
  },
  async candles() {
    const [candles, averages] = await Promise.all([ask(`/candles?limit=${NEWEST_CANDLES}`), ask(`/averages?limit=${NEWEST_CANDLES}`)]);
    if (!chart.update(candles, averages)) refresher.want("history");
  },
  async lots() {
    const lots = await ask("/lots");
    showLots(lots, places);
    chart?.setLots(lots);
  },
  async trades() {
    await trades.refresh();
    chart?.setTrades(trades.rows.slice(0, CANDLES));
  },
  async decisions() { showDecisions(await ask("/decisions?limit=200")); },
  async gates() {
    const gates = await ask("/gates");
    showGates(gates, places);
    chart?.setGate(gates?.adverse?.path ?? []);
  },
  access: refreshAccess,
}, REFRESH_MS);

const after = {
  status: fields => { show(fields); refresher.want("lots"); },
  tick: fields => { chart?.tick(fields.price, fields.at_ms); refresher.want("lots", "gates", ...(chart ? ["candles"] : [])); },
  decision: fields => { addDecision(fields); refresher.want("gates"); },
  fill: () => refresher.want("lots", "trades"),
  exit: () => refresher.want("lots", "trades"),
};
const QUIET = new Set(["status", "tick", "decision"]);

// The figures do not wait for the chart.
PriceChart.make().then(made => {
  chart = made;
  refresher.want(...EVERYTHING);
});
noNotices();
beginSteering(show);
setInterval(showAges, 1000);
listen(
  (name, fields) => {
    after[name]?.(fields);
    if (!QUIET.has(name)) addNotice(name, fields);
    document.documentElement.dataset.heard = name;
  },
  connected => {
    const said = byId("connection");
    if (connected) {
      lost = "";
      said.textContent = "live";
      said.className = "gain";
      refresher.want(...EVERYTHING);
    } else {
      lost ||= new Date().toISOString().slice(11, 19);
      said.textContent = `no connection to the bot since ${lost} UTC: the figures are from then`;
      said.className = "loss";
    }
  },
);
