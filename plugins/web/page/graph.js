// The graph as a drawing: stages as boxes, edges with how it goes on them. From left to right, or down where it is narrow.

import { arrange } from "./layers.js";
import { count, draw, make, reason, seconds, set, sum } from "./words.js";

const BOX = { width: 132, height: 46 };
const ACROSS = { step: 252, row: 74 }; // pixels from layer to layer, and between two places of a layer
const DOWN = { step: 106, row: 158 };
const SMALLEST = 0.72;
const MARGIN = 26;
const MEANT = ["skipped", "unkept", "superseded"]; // losses that a live graph is meant to have
const COLOURS = 6; // of processes, in the style sheet

export class Drawing {
  constructor() {
    this.element = make("div", "drawing scroll");
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "region");
    this.element.setAttribute("aria-label", "Drawing of the graph");
    this.stages = [];
    this.links = [];
    this.watcher = new ResizeObserver(() => this.stages.length && this.down !== this.isNarrow() && this.lay());
    this.watcher.observe(this.element);
  }

  about(stages, edges) {
    const key = JSON.stringify([stages, edges]);
    if (key === this.key) return;
    this.key = key;
    this.stages = stages;
    this.links = joined(edges);
    this.lay();
  }

  // Too narrow to read it from left to right, even when it is made a little smaller.
  isNarrow() {
    return this.element.clientWidth < SMALLEST * ((this.found.layers - 1) * ACROSS.step + BOX.width + 2 * MARGIN);
  }

  lay() {
    const found = (this.found = arrange(this.stages, this.links));
    this.down = this.isNarrow();
    const { step, row } = this.down ? DOWN : ACROSS;
    const long = (found.layers - 1) * step;
    const wide = (found.widest - 1) * row;
    const [width, height] = this.down ? [wide + BOX.width, long + BOX.height] : [long + BOX.width, wide + BOX.height];
    this.point = ({ layer, at }) => {
      const along = layer * step;
      const beside = at * row + wide / 2;
      return this.down ? [beside + BOX.width / 2, along + BOX.height / 2] : [along + BOX.width / 2, beside + BOX.height / 2];
    };
    const box = [-MARGIN, -MARGIN, width + 2 * MARGIN, height + 2 * MARGIN];
    this.svg = draw("svg", { viewBox: box.join(" "), width: box[2], height: box[3], class: this.down ? "flow" : "flow across", role: "img" });
    this.svg.setAttribute("aria-label", `${this.stages.length} stages: ${this.stages.map((stage) => stage.name).join(", ")}`);
    this.svg.append(draw("defs", {}, arrow()));
    const workers = [...new Set(this.stages.map((stage) => stage.worker))];
    this.lines = new Map(this.links.map((link) => [link, this.line(link, found)]));
    this.boxes = new Map(this.stages.map((stage) => [stage.name, this.box(stage, found, workers.indexOf(stage.worker))]));
    this.element.replaceChildren(this.svg);
    if (this.last) this.now(...this.last);
  }

  box(stage, found, worker) {
    const [x, y] = this.point(found.places.get(stage.name));
    const detail = draw("text", { x: 0, y: 14, class: "detail" }, stage.use ?? "");
    const frame = { x: -BOX.width / 2, y: -BOX.height / 2, width: BOX.width, height: BOX.height, rx: 9 };
    const name = draw("text", { x: 0, y: -3, class: "name" }, short(stage.name, 17));
    const title = draw("title", {}, [stage.name, stage.worker ? `in process ${stage.worker}` : ""].filter(Boolean).join(", "));
    const kind = `box worker${stage.worker ? worker % COLOURS : ""}`;
    this.svg.append(draw("g", { class: kind, transform: `translate(${x} ${y})` }, title, draw("rect", frame), name, detail));
    const source = !this.links.some((link) => link.to === stage.name && !link.back);
    return { detail, use: stage.use ?? "", source };
  }

  line(link, found) {
    const [from, to] = [found.places.get(link.from), found.places.get(link.to)];
    const points = link.back ? [] : [from, ...found.bends.get(link).map((bend) => found.places.get(bend)), to].map(this.point);
    const path = link.back ? this.loop(this.point(from), this.point(to)) : this.curve(points);
    const title = draw("title", {});
    const group = draw("g", { class: `edge${link.back ? " back" : ""}` }, title, draw("path", { d: path, fill: "none", "marker-end": "url(#arrow)" }));
    const texts = ["rate", "lost", "way"].map((name) => draw("text", { class: name }));
    if (!link.back) this.label(link, group, texts, points);
    this.svg.append(group);
    return { group, title, rate: texts[0], lost: texts[1], way: texts[2] };
  }

  // Numbers stand in the gap before the reader: where several lines meet there, nearer to the maker, and the other way round.
  label(link, group, texts, points) {
    const several = (end) => this.links.filter((other) => !other.back && other[end] === link[end]).length > 1;
    const t = several("to") ? (several("from") ? 0.5 : 0.34) : several("from") ? 0.7 : 0.5;
    const [a, b] = this.trimmed(points).slice(-2);
    const steep = t * t * (3 - 2 * t);
    const flat = t * (1.5 - 1.5 * t + t * t);
    const [u, v] = this.down ? [steep, flat] : [flat, steep];
    const [x, y] = [a[0] + u * (b[0] - a[0]), a[1] + v * (b[1] - a[1])];
    texts.forEach((text, i) => {
      text.setAttribute("x", this.down ? x + 8 : x);
      text.setAttribute("y", this.down ? y + Math.min(i, 1) * 14 : y - 7 + Math.min(i, 1) * 21);
      text.setAttribute("text-anchor", this.down ? "start" : "middle");
      group.append(text);
    });
  }

  // From box to box, not from middle to middle; with room for the arrow.
  trimmed(points) {
    const edge = (this.down ? BOX.height : BOX.width) / 2;
    const shift = ([x, y], by) => (this.down ? [x, y + by] : [x + by, y]);
    return points.map((p, i) => (i === 0 ? shift(p, edge) : i === points.length - 1 ? shift(p, -edge - 5) : p));
  }

  curve(points) {
    const way = this.trimmed(points);
    return way.reduce((path, [x, y], i) => {
      if (!i) return `M${x} ${y}`;
      const [px, py] = way[i - 1];
      const [mx, my] = [(px + x) / 2, (py + y) / 2];
      return `${path} C${this.down ? `${px} ${my} ${x} ${my}` : `${mx} ${py} ${mx} ${y}`} ${x} ${y}`;
    }, "");
  }

  // What goes back in a loop passes beside the boxes.
  loop([x1, y1], [x2, y2]) {
    if (this.down) {
      const side = Math.min(x1, x2) - BOX.width / 2;
      return `M${x1 - BOX.width / 2} ${y1} C${side - 24} ${y1} ${side - 24} ${y2} ${x2 - BOX.width / 2 - 5} ${y2}`;
    }
    const top = Math.min(y1, y2) - BOX.height / 2;
    return `M${x1} ${y1 - BOX.height / 2} C${x1} ${top - 24} ${x2} ${top - 24} ${x2} ${y2 - BOX.height / 2 - 5}`;
  }

  // flows: edge's key → {delivered, flight, dropped, rate}, or null. stages: name → [frames, usual seconds, late seconds].
  now(flows, stages) {
    this.last = [flows, stages];
    for (const link of this.links) this.tell(this.lines.get(link), link, link.keys.map((key) => flows.get(key)).filter(Boolean));
    for (const [name, box] of this.boxes) {
      const [frames, usual] = stages[name] ?? [0, 0];
      set(box.detail, frames && usual && !box.source ? `${short(box.use, 11)} · ${seconds(usual)}` : box.use);
    }
  }

  tell(line, link, flows) {
    if (!flows.length) return set(line.title, `${link.from} → ${link.to}: ${link.ports}, of an earlier frame`);
    const rate = Math.max(...flows.map((flow) => flow.rate ?? -1));
    const lost = flows.reduce((all, flow) => all + sum(flow.dropped), 0);
    const meant = flows.reduce((all, { dropped }) => all + MEANT.reduce((few, word) => few + (dropped[word] ?? 0), 0), 0);
    const flight = Math.max(...flows.map((flow) => flow.flight));
    const why = flows.flatMap((flow) => Object.entries(flow.dropped)).map(([word, n]) => `${count(n)} ${reason(word)}`);
    set(line.rate, rate < 0 ? "" : `${rate.toFixed(1)} fps`);
    set(line.lost, lost ? `${count(lost)} lost` : "");
    set(line.way, flight ? `${flight} under way` : "");
    line.way.setAttribute("dy", lost ? 13 : 0);
    set(line.title, `${link.from} → ${link.to}: ${link.ports}. Lost: ${why.join(", ") || "none"}. Under way: ${flight}`);
    line.group.classList.toggle("still", rate === 0);
    line.group.classList.toggle("lossy", lost > meant);
  }

  stop() {
    this.watcher.disconnect();
  }
}

function arrow() {
  const attributes = { id: "arrow", viewBox: "0 0 8 8", refX: 4, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" };
  return draw("marker", attributes, draw("path", { d: "M0 0.5 L7 4 L0 7.5 z" }));
}

// Edges between the same two stages are one line.
function joined(edges) {
  const found = new Map();
  for (const edge of edges) {
    const back = edge.policy === "previous";
    const key = `${edge.from} ${edge.to} ${back}`;
    if (!found.has(key)) found.set(key, { from: edge.from, to: edge.to, back, keys: [], ports: "" });
    const link = found.get(key);
    link.keys.push(edge.key);
    link.ports += (link.ports && ", ") + edge.port;
  }
  return [...found.values()];
}

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
