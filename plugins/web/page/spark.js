// The last two minutes of one figure, as a line without axes.

import { draw } from "./words.js";

const POINTS = 120;
const HEIGHT = 24;

export class Spark {
  constructor(title) {
    this.values = [];
    this.line = draw("polyline", { points: "", fill: "none", "vector-effect": "non-scaling-stroke" });
    const attributes = { viewBox: `0 0 ${POINTS - 1} ${HEIGHT}`, preserveAspectRatio: "none", class: "spark", role: "img" };
    this.element = draw("svg", { ...attributes, "aria-label": `${title} over the last two minutes` }, this.line);
  }

  add(value) {
    this.values.push(value);
    if (this.values.length > POINTS) this.values.shift();
    const top = Math.max(...this.values) * 1.1 || 1;
    const left = POINTS - this.values.length;
    const points = this.values.map((v, i) => `${left + i},${(HEIGHT - 1 - (v / top) * (HEIGHT - 2)).toFixed(1)}`);
    this.line.setAttribute("points", points.join(" "));
  }
}
