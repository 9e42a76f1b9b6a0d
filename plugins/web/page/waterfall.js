// The stages one below the other, each bar where its frame gets to it: what one waits for is to its left.

import { make, seconds, set } from "./words.js";

export class Waterfall {
  constructor() {
    this.list = make("ol", "waterfall");
    this.verdict = make("p", "verdict");
    this.element = make("div", "", this.list, this.verdict);
    this.rows = new Map();
  }

  about(stages, edges) {
    this.before = new Map(stages.map((stage) => [stage.name, []]));
    for (const edge of edges) if (edge.policy !== "previous") this.before.get(edge.to)?.push(edge.from);
    this.sources = new Set([...this.before].filter(([, makers]) => !makers.length).map(([name]) => name));
    this.sharing = new Map(stages.map((stage) => [stage.name, stage.cameras?.length ?? 1]));
    this.list.replaceChildren();
    this.rows.clear();
  }

  now(stages) {
    const ends = new Map();
    const names = [...this.before.keys()];
    const spans = names.filter((name) => !this.sources.has(name))
      .map((name) => this.span(name, stages, ends)).filter((span) => span.frames);
    const total = Math.max(...spans.map((span) => span.start + span.late), 1e-6);
    for (const span of spans.sort((a, b) => a.start - b.start)) this.place(span, total);
    this.judge(spans);
  }

  span(name, stages, ends) {
    const [frames, usual, late] = stages[name] ?? [0, 0, 0];
    return { name, frames, usual, late, start: this.end(name, stages, ends) - usual };
  }

  // When a stage has finished, if every stage takes its usual time and nothing waits.
  end(name, stages, ends) {
    if (!ends.has(name)) {
      ends.set(name, 0);
      const starts = this.before.get(name).map((maker) => this.end(maker, stages, ends));
      // What a source takes is mostly waiting for the next frame: the way begins when it has one.
      ends.set(name, Math.max(0, ...starts) + (this.sources.has(name) ? 0 : stages[name]?.[1] ?? 0));
    }
    return ends.get(name);
  }

  place(span, total) {
    const row = this.rows.get(span.name) ?? this.add(span.name);
    const percent = (value) => `${((100 * value) / total).toFixed(2)}%`;
    row.bar.style.left = row.tail.style.left = percent(span.start);
    row.bar.style.width = percent(span.usual);
    row.tail.style.width = percent(span.late);
    set(row.value, seconds(span.usual));
    row.value.title = `95 of 100 frames: under ${seconds(span.late)}`;
  }

  add(name) {
    const row = { bar: make("i", "usual"), tail: make("i", "late"), value: make("span", "value") };
    const track = make("span", "track", row.tail, row.bar);
    track.setAttribute("aria-hidden", "true");
    this.list.append(make("li", "", make("span", "name", name), track, row.value));
    this.rows.set(name, row);
    return row;
  }

  judge(spans) {
    const slowest = spans.reduce((a, b) => (b.usual * this.sharing.get(b.name) > a.usual * this.sharing.get(a.name) ? b : a), spans[0]);
    if (!slowest?.usual) return set(this.verdict, "");
    const cameras = this.sharing.get(slowest.name);
    const room = 1 / (slowest.usual * cameras);
    const each = cameras > 1 ? ` from each of its ${cameras} cameras` : "";
    set(this.verdict, `The slowest is ${slowest.name}: it has room for ${room < 100 ? room.toFixed(0) : "over 100"} frames a second${each}.`);
  }
}
