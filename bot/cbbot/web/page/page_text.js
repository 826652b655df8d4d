// Text and elements. What comes from the bot becomes text nodes only, never markup.

export const byId = id => document.getElementById(id);

export function element(name, text = "", classes = "") {
  const made = document.createElement(name);
  if (text !== "") made.textContent = text;
  if (classes) made.className = classes;
  return made;
}

// Decimal text with thousands separated and at least two places; all its other digits stay but trailing zeros.
export function amount(text, most = 10) {
  if (text === null || text === undefined) return "–";
  return Number(text).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: most });
}

// A price keeps the places it was given with.
export function price(text) {
  if (text === null || text === undefined) return "–";
  const places = placesOf(String(text));
  return Number(text).toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
}

export const placesOf = text => (String(text).split(".")[1] ?? "").length;

export function signed(text, most = 4) {
  if (text === null || text === undefined) return "–";
  return Number(text) > 0 ? `+${amount(text, most)}` : amount(text, most);
}

export const signOf = text => Number(text) > 0 ? "gain" : Number(text) < 0 ? "loss" : "";

export const words = code => String(code ?? "").replaceAll("_", " ");

// The time of day of an RFC 3339 text; with the day where that is not today.
export function clock(text, today) {
  if (!text) return "–";
  const [day, time] = String(text).split("T");
  const second = (time ?? "").slice(0, 8);
  return today === undefined || day === today ? second : `${day.slice(5)} ${second}`;
}

export function age(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

export const seconds = text => Date.parse(text) / 1000;

// Rows of cells: [text, classes]; one line in words where there is none.
export function fill(body, rows, none) {
  const columns = body.closest("table").querySelectorAll("thead th").length;
  body.replaceChildren(...(rows.length ? rows.map(rowOf) : [noneOf(none, columns)]));
}

export function rowOf(cells) {
  const row = element("tr");
  row.append(...cells.map(([text, classes]) => element("td", text, classes ?? "")));
  return row;
}

function noneOf(text, columns) {
  const row = element("tr", "", "none"), cell = element("td", text);
  cell.colSpan = columns;
  row.append(cell);
  return row;
}
