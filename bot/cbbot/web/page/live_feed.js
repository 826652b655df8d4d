// What the bot says as it happens, and what is asked for again because of it.

const NAMES = ["status", "tick", "decision", "order", "fill", "exit", "breaker", "refusal", "pause", "halt", "sync", "refit"];
const FIRST_RETRY_MS = 500, LONGEST_RETRY_MS = 5000;

export async function ask(path, options = {}) {
  const answer = await fetch(path, { cache: "no-store", ...options });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body?.error?.message ?? `${path}: ${answer.status}`);
  return body;
}

// Calls `heard(name, fields)` for each event, and `connected(whether)` when that changes. A browser gives a stream up
// that a proxy answers with an error; this one is asked for again until it is there.
export function listen(heard, connected) {
  let wait = FIRST_RETRY_MS;
  const open = () => {
    const source = new EventSource("/events");
    source.onopen = () => { wait = FIRST_RETRY_MS; connected(true); };
    source.onerror = () => {
      source.close();
      connected(false);
      setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_RETRY_MS);
    };
    for (const name of NAMES) source.addEventListener(name, event => heard(name, JSON.parse(event.data)));
    addEventListener("pagehide", () => source.close(), { once: true });
  };
  open();
}

// Runs each wanted loader at most once in `every` milliseconds, and none twice at a time. One that fails is run again
// with the next that is wanted: while nothing is heard of the bot, it is not asked either.
export class Refresher {
  #loaders; #every; #wanted = new Set(); #failed = new Set(); #busy = false; #timer = 0;

  constructor(loaders, every) { this.#loaders = loaders; this.#every = every; }

  want(...names) {
    for (const name of names) this.#wanted.add(name);
    if (!this.#busy && !this.#timer) this.#timer = setTimeout(() => this.#run(), 0);
  }

  async #run() {
    this.#timer = 0;
    this.#busy = true;
    const names = [...new Set([...this.#wanted, ...this.#failed])];
    this.#wanted.clear();
    this.#failed.clear();
    const done = await Promise.allSettled(names.map(name => this.#loaders[name]()));
    done.forEach((each, at) => {
      if (each.status !== "rejected") return;
      this.#failed.add(names[at]);
      console.debug(names[at], String(each.reason));
    });
    this.#busy = false;
    this.#timer = setTimeout(() => { this.#timer = 0; if (this.#wanted.size) this.#run(); }, this.#every);
  }
}
