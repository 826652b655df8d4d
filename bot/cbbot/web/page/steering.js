// Pause, resume and flatten: for whoever has the control token, or sits at the bot's own machine where it has none.
import { ask } from "/page/live_feed.js";
import { byId } from "/page/page_text.js";

const KEPT = "cbbot-control-token"; // until the tab is closed

let access = { allowed: false, token_needed: true };
let status = null;
let onStatus = () => {};

const token = () => sessionStorage.getItem(KEPT) ?? "";
const headers = given => given ? { Authorization: `Bearer ${given}` } : {};

export async function beginSteering(show) {
  onStatus = show;
  byId("pause").addEventListener("click", () => steer("pause-entries", "Entries are paused."));
  byId("resume").addEventListener("click", () => steer("resume", "The pause by hand is over."));
  byId("flatten").addEventListener("click", confirmFlatten);
  byId("flatten-no").addEventListener("click", () => byId("flatten-dialog").close());
  byId("flatten-yes").addEventListener("click", () => {
    byId("flatten-dialog").close();
    steer("flatten", "Every lot is being closed, and entries are paused by hand.");
  });
  byId("token-form").addEventListener("submit", event => { event.preventDefault(); useToken(); });
  byId("forget").addEventListener("click", () => { sessionStorage.removeItem(KEPT); refreshAccess(); });
}

export async function refreshAccess() {
  access = await ask("/control", { headers: headers(token()) });
  arrange();
}

export function steeringOf(given) {
  status = given;
  arrange();
}

async function useToken() {
  const given = byId("token").value.trim();
  const found = await ask("/control", { headers: headers(given) }).catch(error => say(error.message));
  if (!found) return;
  if (!found.allowed) {
    say("That is not the control token.");
    byId("token").select();
    return;
  }
  sessionStorage.setItem(KEPT, given);
  byId("token").value = "";
  access = found;
  say("");
  arrange();
  byId("pause").focus();
}

async function steer(action, done) {
  say("");
  try {
    onStatus(await ask(`/control/${action}`, { method: "POST", headers: headers(token()) }));
    say(done);
  } catch (error) {
    say(error.message);
    refreshAccess().catch(() => {});
  }
}

function confirmFlatten() {
  const lots = status?.open_lots;
  const what = lots === 1 ? "The open lot is closed" : `All ${lots ?? ""} open lots are closed`;
  byId("flatten-text").textContent = `${what} at the market's price${status?.mode === "live" ? ", with real money" : ""}. `
    + "Entries are paused by hand until they are resumed.";
  byId("flatten-dialog").showModal();
}

function arrange() {
  const byHand = status?.entries.paused_by.includes("hand") ?? false;
  byId("token-form").hidden = access.allowed || !access.token_needed;
  byId("forget").hidden = !(access.allowed && access.token_needed);
  byId("pause").disabled = !access.allowed || byHand;
  byId("resume").disabled = !access.allowed || !byHand;
  byId("flatten").disabled = !access.allowed;
  byId("steer-state").textContent = access.allowed
    ? "You may steer this bot."
    : access.token_needed ? "Read only: steering needs the control token." : "Read only: without a control token only the bot's own machine may steer.";
}

const say = text => { byId("steer-answer").textContent = text; };
