// All cameras at once. They come and go while one looks.

import { Insight } from "./insight.js";
import { Picture } from "./picture.js";
import { condition, explain } from "./state.js";
import { make, seconds, set, show } from "./words.js";

const FASTEST = 80; // the least milliseconds between two pictures of a tile; more where there are many

export class Wall {
  constructor(root, live) {
    this.root = root;
    this.live = live;
    this.tiles = new Map();
    this.grid = make("div", "wall");
    this.insight = new Insight(live, "");
    this.element = make("div", "all", this.grid, ...this.insight.elements);
  }

  about(told) {
    for (const [name, tile] of this.tiles) {
      if (told.cameras.includes(name)) continue;
      tile.stop();
      tile.element.remove();
      this.tiles.delete(name);
    }
    for (const name of told.cameras) {
      if (!this.tiles.has(name)) this.tiles.set(name, new Tile(this.root, this.live, name));
      this.grid.append(this.tiles.get(name).element);
    }
    this.grid.style.setProperty("--columns", columns(this.tiles.size));
    for (const tile of this.tiles.values()) tile.picture.every = FASTEST * Math.max(1, this.tiles.size / 4);
    this.insight.about(told);
  }

  now(told) {
    this.element.classList.remove("gone");
    for (const [name, tile] of this.tiles) tile.now(told.cameras[name] ?? {}, told.seconds);
    this.insight.now(told);
  }

  gone() {
    this.element.classList.add("gone");
    for (const tile of this.tiles.values()) tile.condition({ kind: "stale", word: "No answer", text: "" });
  }

  stop() {
    for (const tile of this.tiles.values()) tile.stop();
    this.insight.stop();
  }
}

// So many beside each other, where there is room, that no row is nearly empty.
function columns(many) {
  if (many <= 3) return Math.max(1, many);
  return { 4: 2, 5: 3, 6: 3, 9: 3 }[many] ?? 4;
}

class Tile {
  constructor(root, live, name) {
    this.live = live;
    this.name = name;
    this.picture = new Picture(root, name, FASTEST);
    this.over = make("span", "over");
    this.over.hidden = true;
    this.state = make("span", "state");
    this.rate = make("span", "rate");
    this.element = make("a", "card tile");
    this.element.href = new URL(`camera/${encodeURIComponent(name)}`, root);
    const stage = make("span", "stage", this.picture.canvas, this.over);
    this.element.append(stage, make("span", "bar", make("strong", "", name), this.state, this.rate));
    this.picture.show("result", "Result");
  }

  now(row, at) {
    const here = row.idle !== null && row.idle !== undefined;
    set(this.rate, here ? `${row.fps.toFixed(1)} fps · ${seconds(row.age)}` : "");
    this.condition(condition(row, this.live, this.name, at));
  }

  condition(found) {
    this.element.dataset.state = found.kind;
    set(this.state, found.word);
    set(this.over, explain(found));
    show(this.over, found.kind !== "live");
  }

  stop() {
    this.picture.stop();
  }
}
