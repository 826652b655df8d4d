// The status as figures. Each has the exact text of /status in its `value`.
import { age, amount, byId, clock, element, price, signed, signOf, words } from "/page/page_text.js";

let status = null, receivedAt = 0;

export function showStatus(given) {
  status = given;
  receivedAt = performance.now();
  document.title = `${price(status.last_price)} ${status.product_id} – ${status.bot}`;
  byId("title").textContent = `${status.bot} · ${status.product_id} · ${status.mode} · ${status.venue}`;
  byId("version").textContent = status.version;
  const phase = byId("phase");
  phase.textContent = status.reason ? `${status.phase}: ${status.reason}` : status.phase;
  phase.className = { trading: "gain", halted: "loss" }[status.phase] ?? "warn";
  byId("tiles").replaceChildren(...tiles());
  showProblems();
}

// Ages grow without the bot saying so.
export function showAges() {
  const tile = document.querySelector("[data-figure=price_age_seconds] data");
  if (tile === null || status === null) return;
  const now = ageNow();
  tile.textContent = age(now);
  tile.className = now !== null && now > 60 ? "loss" : "";
}

const ageNow = () =>
  status.price_age_seconds === null ? null : status.price_age_seconds + (performance.now() - receivedAt) / 1000;

function tiles() {
  const decision = status.last_decision;
  const entries = status.entries.allowed ? "allowed" : whyNoEntries();
  return [
    tile("price", "last_price", price(status.last_price)),
    tile("data age", "price_age_seconds", age(ageNow())),
    tile("equity", "equity_usd", amount(status.equity_usd, 4), "", "USD, realised"),
    tile("equity, marked", "equity_marked_usd", amount(status.equity_marked_usd, 4), "", "USD, lots at the price"),
    tile("day PnL", "daily_pnl_usd", signed(status.daily_pnl_usd), signOf(status.daily_pnl_usd), "USD, realised today"),
    tile("unrealised", "unrealized_pnl_usd", signed(status.unrealized_pnl_usd), signOf(status.unrealized_pnl_usd), "USD"),
    breakerTile(status.breaker_tripped),
    tile("entries", "entries", entries, status.entries.allowed ? "gain" : "warn"),
    tile("lots", "open_lots", status.open_lots ?? "–", "", `${amount(status.exposure_usd, 4)} USD exposure`),
    tile("orders under way", "pending_orders", status.pending_orders ?? "–"),
    tile("decision", "last_decision", decision ? decision.signal : "–", "", decision ? `${words(decision.reason)}, ${clock(decision.at)}` : ""),
    tile("model", "model", status.model.mode, "", status.model.last_fit_at ? `fitted ${clock(status.model.last_fit_at)}` : "not fitted yet"),
  ];
}

function breakerTile(tripped) {
  if (tripped === null) return tile("breaker", "breaker_tripped", "–");
  return tripped
    ? tile("breaker", "breaker_tripped", "TRIPPED", "loss", "no new lots today")
    : tile("breaker", "breaker_tripped", "armed", "gain");
}

function whyNoEntries() {
  if (status.entries.paused_by.length) return `paused by ${status.entries.paused_by.map(words).join(", ")}`;
  if (status.breaker_tripped) return "stopped by the breaker";
  return status.ready ? "held back" : "not ready yet";
}

function tile(label, figure, shown, classes = "", small = "") {
  const box = element("div"), said = element("dd"), value = element("data", String(shown), classes);
  box.dataset.figure = figure;
  const exact = status[figure];
  value.value = exact === null || typeof exact === "object" ? "" : String(exact);
  said.append(value);
  if (small) said.append(element("small", small));
  box.append(element("dt", label), said);
  return box;
}

function showProblems() {
  const said = [];
  for (const exit of status.refused?.exits ?? []) {
    const short = exit.short ? ", the account is short of base" : "";
    said.push([`The exit of lot ${exit.lot} is refused since ${clock(exit.since)}, ${exit.tries} tries${short}: ${exit.code} ${exit.message}`, "loss"]);
  }
  const entries = status.refused?.entries;
  if (entries) said.push([`Entries are refused since ${clock(entries.since)}, next try after ${clock(entries.until)}: ${entries.code} ${entries.message}`, "loss"]);
  if (status.breaker_tripped) said.push(["The daily loss limit is reached: no new lots until the next UTC day. Exits go on.", "loss"]);
  if (status.as_of) said.push([`Not current: the figures were saved at ${status.as_of}.`, "warn"]);
  for (const warning of status.warnings) said.push([`Warning: ${warning}`, "warn"]);
  const place = byId("problems"), text = said.map(([line]) => line).join("\n");
  // Unchanged text is left alone: a screen reader would read it again.
  if (place.dataset.said === text) return;
  place.dataset.said = text;
  place.hidden = said.length === 0;
  place.replaceChildren(...said.map(([line, classes]) => element("p", line, classes)));
}
