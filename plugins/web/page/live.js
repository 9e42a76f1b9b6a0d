// The numbers, as they come: server-sent events, and what has changed between two of them.

const AGAIN = 3000; // milliseconds until a server that said no is asked again
const SILENT = 5000; // a server that says nothing for so long is taken for gone

export class Live {
  // about(told): what the graph is. now(told): how it goes. gone(why): nobody answers.
  constructor(root, { about, now, gone }) {
    this.address = new URL("events", root);
    this.tell = { about, now, gone };
    this.rates = new Map();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.open()));
    this.open();
  }

  open() {
    if (this.source || document.hidden) return;
    this.source = new EventSource(this.address);
    for (const name of ["about", "now"]) {
      this.source.addEventListener(name, (event) => {
        this.heard();
        this.tell[name](JSON.parse(event.data));
      });
    }
    this.source.onerror = () => this.lost();
    this.heard();
  }

  heard() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lost(true), SILENT);
  }

  // A browser connects again by itself, but not to a server that answered "no", nor to one that just went silent.
  lost(silent = false) {
    this.tell.gone();
    if (!silent && this.source?.readyState !== EventSource.CLOSED) return;
    this.pause();
    this.retry = setTimeout(() => this.open(), AGAIN);
  }

  // A page that nobody looks at asks for nothing: its connections are few, and others need them.
  pause() {
    clearTimeout(this.silence);
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  // How fast a counter grows, per second of the run; null until it is known.
  rate(key, value, at) {
    const last = this.rates.get(key);
    if (!last || at < last.at || value < last.value) {
      this.rates.set(key, { at, value, rate: null });
      return null;
    }
    if (at - last.at >= 0.9) {
      const rate = (value - last.value) / (at - last.at);
      const smooth = last.rate === null ? rate : 0.5 * last.rate + 0.5 * rate;
      this.rates.set(key, { at, value, rate: smooth < 0.05 ? 0 : smooth });
    }
    return this.rates.get(key).rate;
  }
}
