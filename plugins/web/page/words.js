// Words, numbers and elements. Everything shown is set as text, never as markup.

export function make(tag, name, ...inside) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...inside);
  return element;
}

export function draw(tag, attributes, ...inside) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

// Only what differs is touched: a screen reader is not told the same twice, and nothing is laid out again.
export function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, whether) {
  if (element.hidden === whether) element.hidden = !whether;
}

export const count = (value) => (value === undefined || value === null ? "–" : value.toLocaleString("en"));

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.00005) return "< 0.1 ms";
  if (value < 0.001) return `${(value * 1000).toFixed(1)} ms`;
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${value.toFixed(1)} s`;
  return value < 3600 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
}

export function clock(total) {
  const s = Math.floor(total);
  const pad = (n) => String(n).padStart(2, "0");
  return `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
}

export const ago = (idle) => new Date(Date.now() - idle * 1000).toLocaleTimeString([], { hour12: false });

export function bytes(value) {
  return value >= 2 ** 30 ? `${(value / 2 ** 30).toFixed(1)} GiB` : `${Math.round(value / 2 ** 20)} MiB`;
}

export const sum = (counts) => Object.values(counts ?? {}).reduce((a, b) => a + b, 0);

// Why a frame, or its matte, was lost, in words for whoever looks.
const REASONS = {
  superseded: "a newer frame came first",
  skipped: "a viewer was busy",
  unkept: "left out by keep",
  decode_error: "could not be decoded",
  oversize: "larger than planned",
  too_old: "too old",
  worker_died: "a process died",
  quarantined: "it killed a stage twice",
  stage_error: "a stage failed",
  non_finite: "the network gave no numbers",
  implausible: "the matte was no matte",
  late: "no matte came in time",
  format: "not of the promised size",
  duplicate: "sent twice after a crash",
  stopped: "the run ended",
};

export const reason = (word) => REASONS[word] ?? word.replaceAll("_", " ");

const STATES = {
  waiting: "Starting", running: "Live", reconnecting: "Reconnecting", paused: "Paused",
  ended: "Ended", failed: "Failed", removed: "Removed",
};

export const stateWord = (word) => STATES[word] ?? word ?? "";
