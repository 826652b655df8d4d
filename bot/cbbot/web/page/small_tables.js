// Open lots, decisions, what they came to today, and notices.
import { amount, byId, clock, fill, price, rowOf, signed, signOf, words } from "/page/page_text.js";

const MOST_ROWS = 200;
let meanings = new Map();
let decided = [];

export function showLots(lots, places) {
  const level = number => number === null ? "–" : price(Number(number).toFixed(places));
  byId("lots-said").textContent = lots.length ? `${lots.length}` : "";
  fill(byId("lots"), lots.map(lot => [
    [String(lot.lot)], [lot.role], [lot.side], [clock(lot.opened_at)], [price(lot.open_price), "number"],
    [lot.base_size, "number"], [level(lot.take_price), "number"], [level(lot.stop_price), "number"],
    [lot.trail_active ? level(lot.trail_stop_price) : "–", "number"],
    [signed(lot.unrealized_pnl), `number ${signOf(lot.unrealized_pnl)}`],
  ]), "No lot is open.");
}

export function showGates(gates, places) {
  if (gates === null) {
    byId("gates-now").textContent = "Nothing has been decided yet: the bot is still starting.";
    fill(byId("gates"), [], "No decision yet.");
    return;
  }
  const first = meanings.size === 0;
  meanings = new Map(gates.reasons.map(each => [each.reason, each.words]));
  const counted = gates.reasons.filter(each => each.count > 0);
  fill(byId("gates"), counted.map(each => [[`${words(each.reason)}: ${each.words}`, "words"], [each.count.toLocaleString("en-US"), "number"]]), "No decision yet.");
  const adverse = gates.adverse, decays = adverse !== null && adverse.path.at(-1).price !== adverse.price;
  byId("gates-now").textContent = adverse === null
    ? "No lot waits for the price to move against the last entry."
    : `The next lot needs a price of ${price(adverse.price.toFixed(places))} or ${adverse.side === "BUY" ? "lower" : "higher"}: `
      + `${adverse.adverse_pct.toFixed(3)} % from the last entry at ${price(adverse.last_entry_price)}.${decays ? " That comes closer as time passes." : ""}`;
  byId("gates-since").textContent = gates.since
    ? `${gates.decisions.toLocaleString("en-US")} decisions on ${gates.day} (UTC) since ${clock(gates.since)}, of this run.`
    : "";
  if (first) showDecisions(decided);
}

export function showDecisions(rows) {
  decided = rows.slice(0, MOST_ROWS);
  fill(byId("decisions"), decided.map(decisionCells), "No decision yet.");
}

export function addDecision(row) {
  const newest = decided[0];
  if (newest && newest.at === row.at && newest.reason === row.reason) return;
  decided = [row, ...decided].slice(0, MOST_ROWS);
  const body = byId("decisions");
  if (decided.length === 1) body.replaceChildren();
  body.prepend(rowOf(decisionCells(row)));
  while (body.rows.length > MOST_ROWS) body.lastElementChild.remove();
}

function decisionCells(row) {
  const signal = { buy: "gain", sell: "loss" }[row.signal] ?? "";
  return [
    [clock(row.at)], [row.signal, signal], [row.p_up === null ? "–" : row.p_up.toFixed(3), "number"],
    [price(row.price), "number"], [meanings.get(row.reason) ?? words(row.reason), "words"],
  ];
}

export function addNotice(name, fields) {
  const body = byId("events");
  if (body.querySelector(".none")) body.replaceChildren();
  const serious = ["refusal", "halt", "breaker", "pause"].includes(name) || fields.outcome === "refused";
  const time = new Date().toISOString().slice(11, 19);
  body.prepend(rowOf([[time], [name, serious ? "warn" : ""], [detailsOf(name, fields), "words"]]));
  while (body.rows.length > MOST_ROWS) body.lastElementChild.remove();
}

export const noNotices = () => fill(byId("events"), [], "Nothing yet.");

function detailsOf(name, fields) {
  if (name === "order") {
    return `${fields.side} of lot ${fields.lot} (${fields.purpose}${fields.reason ? `, ${words(fields.reason)}` : ""}): ${words(fields.outcome)} ${fields.detail ?? ""}`;
  }
  if (name === "fill") return `${fields.side} of lot ${fields.lot}: ${fields.base_size} at ${price(fields.price)}, fee ${amount(fields.fee)}`;
  if (name === "exit" && fields.net_pnl !== undefined) {
    return `lot ${fields.lot} by ${words(fields.reason)} at ${price(fields.price)}: ${signed(fields.net_pnl)} USD`;
  }
  return fields.detail ?? "";
}
