// What may be changed while the graph runs: the background, and the person's edge.

import { make, set } from "./words.js";

const TITLES = { soft: ["Softness of the edge", "sharp", "soft"], shift: ["Edge in or out", "in", "out"] };
const VIEWS = { result: "Result", alpha: "Alpha", checker: "Chequered", side_by_side: "Side by side" };
const REMEMBERED = 15000; // milliseconds that a refusal stays to be read
const PAUSE = 150; // milliseconds between two values that a slider sends while it moves

export class KnobBoard {
  constructor(root, camera) {
    this.root = root;
    this.camera = camera;
    this.element = make("section", "card knobs");
    this.element.hidden = true;
    this.boards = new Map();
  }

  about(knobs) {
    const mine = knobs.filter((row) => row.cameras.includes(this.camera));
    this.element.hidden = !mine.length;
    const key = mine.map((row) => row.stage).join();
    if (key !== this.key) {
      this.key = key;
      this.boards = new Map(mine.map((row) => [row.stage, new Board(this.root, row)]));
      this.element.replaceChildren(make("h2", "", "Change it"), ...[...this.boards.values()].map((board) => board.element));
    }
    for (const row of mine) this.boards.get(row.stage).tell(row.values);
  }
}

class Board {
  constructor(root, row) {
    this.address = new URL("set", root);
    this.root = root;
    this.row = row;
    this.inputs = new Map();
    this.sliders = new Map();
    this.busy = false;
    this.said = make("p", "said");
    this.said.setAttribute("role", "status");
    this.element = make("div", "board", this.backgrounds());
    for (const option of Object.keys(row.ranges)) if (option in row.values) this.element.append(this.slider(option));
    if ("view" in row.values) this.element.append(this.views());
    this.element.append(this.said);
  }

  backgrounds() {
    const box = make("fieldset", "swatches", make("legend", "", "Background"));
    if (this.row.own) box.append(this.swatch("own", this.row.own, make("span", "face words", "own")));
    for (const name of this.row.pictures) {
      const face = make("img", "face");
      face.src = new URL(`background/${encodeURIComponent(name)}`, this.root);
      face.alt = "";
      box.append(this.swatch(name, name.replace(/\.\w+$/, ""), face));
    }
    box.append(this.swatch("blur", "Room out of focus", make("span", "face words", "Blur")));
    for (const [colour, title] of Object.entries(this.row.colours)) {
      const face = make("span", "face");
      face.style.background = colour;
      box.append(this.swatch(colour, title, face));
    }
    return box;
  }

  swatch(value, title, face) {
    return this.choice("background", value, face, make("span", "hidden", title), title);
  }

  choice(option, value, ...inside) {
    const input = make("input");
    const title = typeof inside.at(-1) === "string" && inside.length > 1 ? inside.pop() : "";
    input.type = "radio";
    input.name = `${this.row.stage} ${option}`;
    input.value = value;
    input.addEventListener("change", () => this.send(option, value));
    this.inputs.set(`${option} ${value}`, input);
    const label = make("label", "", input, ...inside);
    label.title = title;
    return label;
  }

  slider(option) {
    const [title, low, high] = TITLES[option];
    const [least, most] = this.row.ranges[option];
    const input = make("input");
    Object.assign(input, { type: "range", min: least, max: most, step: 0.5, name: option });
    const value = make("output");
    input.addEventListener("input", () => {
      set(value, `${input.value} px`);
      this.soon(option, Number(input.value));
    });
    this.sliders.set(option, { input, value });
    const ends = make("span", "ends", make("span", "", low), make("span", "", high));
    ends.setAttribute("aria-hidden", "true");
    return make("label", "slider", make("span", "", title), value, input, ends);
  }

  views() {
    const box = make("div", "choices");
    for (const view of this.row.views) box.append(this.choice("view", view, make("span", "", VIEWS[view] ?? view)));
    return make("fieldset", "", make("legend", "", "What it makes"), box);
  }

  // What the run says that it is set to: perhaps from another window, or by `edge ctl`.
  tell(values) {
    if (this.busy || this.waiting) return;
    for (const [option, value] of Object.entries(values)) {
      const slider = this.sliders.get(option);
      if (slider && document.activeElement !== slider.input) slider.input.value = value;
      if (slider) set(slider.value, `${slider.input.value} px`);
      const input = this.inputs.get(`${option} ${value}`);
      if (input) input.checked = true;
      else for (const [key, other] of this.inputs) if (key.startsWith(`${option} `)) other.checked = false;
    }
    this.values = values;
  }

  soon(option, value) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.send(option, value);
    }, PAUSE);
  }

  // One change at a time; of those that come meanwhile, the last.
  async send(option, value) {
    if (this.busy) {
      this.next = [option, value];
      return;
    }
    this.busy = true;
    this.say("…", false);
    try {
      const data = JSON.stringify({ stage: this.row.stage, option, value });
      const answer = await fetch(this.address, { method: "POST", headers: { "content-type": "application/json" }, body: data });
      const told = await answer.json();
      this.say(answer.ok ? "" : told.error, !answer.ok);
    } catch {
      this.say("The program does not answer. Nothing was changed.", true);
    }
    this.busy = false;
    const next = this.next;
    this.next = null;
    if (next) await this.send(...next);
    else if (this.said.classList.contains("bad")) this.tell(this.values ?? {});
  }

  say(text, bad) {
    clearTimeout(this.forgotten);
    if (bad) this.forgotten = setTimeout(() => this.say("", false), REMEMBERED);
    set(this.said, text);
    this.said.classList.toggle("bad", bad);
  }
}
