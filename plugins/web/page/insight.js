// What happens behind the picture: one frame's way, the graph with its numbers, the processes, what the run has to say.

import { Drawing } from "./graph.js";
import { bytes, count, make, reason, seconds, set, show, sum } from "./words.js";
import { Waterfall } from "./waterfall.js";

export class Insight {
  // camera: whose part of the graph it is; "" for all of it.
  constructor(live, camera) {
    this.live = live;
    this.camera = camera;
    this.waterfall = new Waterfall();
    this.drawing = new Drawing();
    this.table = make("tbody");
    this.processes = make("tbody");
    this.routes = make("ul", "routes");
    this.notes = make("ul", "notes");
    this.elements = [this.way(), this.picture(), this.machine()];
  }

  way() {
    const what = "What each stage takes for a frame: half of all frames take less than the bar, 95 of 100 less than the thin line.";
    return section("way", "One frame’s way", make("p", "what", what), this.waterfall.element, this.routes);
  }

  picture() {
    const head = row("th", ["from", "to", "carries", "frames a second", "delivered", "lost", "under way"]);
    const scroll = make("div", "scroll", make("table", "", make("thead", "", head), this.table));
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Edges of the graph");
    return section("graph", "The graph", this.drawing.element, make("details", "", make("summary", "", "The same as a table"), scroll));
  }

  machine() {
    const head = row("th", ["process", "stages", "restarts", "memory", "processor"]);
    const scroll = make("div", "scroll", make("table", "", make("thead", "", head), this.processes));
    this.machines = section("machine", "Processes", scroll, this.notes);
    this.machines.hidden = true;
    return this.machines;
  }

  about(told) {
    const mine = ([, , , , , cameras]) => !this.camera || !cameras.length || cameras.includes(this.camera);
    const edges = told.edges.filter(mine).map(([from, to, port, kind, policy]) => ({ key: `${from}->${to}:${port}`, from, to, port, kind, policy }));
    const named = new Set(edges.flatMap((edge) => [edge.from, edge.to]));
    const stages = Object.entries(told.stages).filter(([name]) => named.has(name)).map(([name, row]) => ({ name, ...row }));
    this.edges = edges;
    this.names = named;
    this.drawing.about(stages, edges);
    this.waterfall.about(stages, edges);
    this.notes.replaceChildren(...told.notes.map((note) => make("li", "", note)));
  }

  now(told) {
    const flows = new Map(this.edges.map((edge) => [edge.key, this.flow(edge.key, told)]));
    this.drawing.now(flows, told.stages);
    this.waterfall.now(told.stages);
    const counted = this.edges.filter((edge) => flows.get(edge.key));
    this.table.replaceChildren(...counted.map((edge) => this.edgeRow(edge, flows.get(edge.key))));
    this.tellRoutes(told.routes);
    this.tellProcesses(told);
  }

  // How it goes on one edge; null for a previous-port, on which nothing is counted.
  flow(key, told) {
    const found = told.edges[key];
    if (!found) return null;
    const [delivered, flight, dropped] = found;
    return { delivered, flight, dropped, rate: this.live.rate(key, delivered, told.seconds) };
  }

  edgeRow(edge, flow) {
    const why = Object.entries(flow.dropped).map(([word, n]) => `${count(n)} ${reason(word)}`).join(", ");
    const rate = flow.rate === null ? "–" : flow.rate.toFixed(1);
    return row("td", [edge.from, edge.to, edge.port, rate, count(flow.delivered), why || "none", count(flow.flight)]);
  }

  tellRoutes(routes) {
    const rows = Object.entries(routes).filter(([name, counts]) => this.names.has(name) && sum(counts));
    this.routes.replaceChildren(...rows.map(([name, counts]) => {
      const all = sum(counts);
      const words = Object.entries(counts).filter(([, n]) => n).map(([way, n]) => `${way} ${Math.round((100 * n) / all)} %`);
      return make("li", "", `${name}: `, make("b", "", words.join(", ")), " of its frames");
    }));
  }

  tellProcesses(told) {
    show(this.machines, told.workers.length > 0 || this.notes.childElementCount > 0);
    this.processes.replaceChildren(...told.workers.map((worker) => {
      const busy = this.live.rate(`cpu ${worker.name}`, 100 * (worker.cpu_seconds ?? 0), told.asked);
      const load = busy === null ? "–" : `${Math.round(busy)} %`;
      const memory = worker.rss_bytes ? bytes(worker.rss_bytes) : "–";
      const cells = row("td", [worker.name, (worker.stages ?? []).join(", "), count(worker.restarts), memory, load]);
      if (worker.restarts) cells.children[2].className = "warn";
      return cells;
    }));
  }

  stop() {
    this.drawing.stop();
  }
}

function section(name, title, ...inside) {
  const head = make("h2", "", title);
  return make("section", `card ${name}`, head, ...inside);
}

function row(kind, texts) {
  return make("tr", "", ...texts.map((text) => {
    const cell = make(kind, "", text);
    if (kind === "th") cell.scope = "col";
    return cell;
  }));
}
