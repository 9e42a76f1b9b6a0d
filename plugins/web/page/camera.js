// One camera: its picture in the view that one wants, its figures, its knobs, and how its frames go through the graph.

import { Insight } from "./insight.js";
import { KnobBoard } from "./knobs.js";
import { Picture } from "./picture.js";
import { Spark } from "./spark.js";
import { condition, explain } from "./state.js";
import { count, make, reason, seconds, set, show, sum } from "./words.js";

export class CameraPage {
  constructor(root, live, name, views) {
    this.live = live;
    this.name = name;
    this.picture = new Picture(root, name);
    this.insight = new Insight(live, name);
    this.knobs = new KnobBoard(root, name);
    const [way, graph, machine] = this.insight.elements;
    const beside = make("div", "column", this.panel(), this.knobs.element);
    this.element = make("div", "one", make("div", "column", this.screen(views), way), beside, graph, machine);
    this.choose(views.find(([view]) => view === remembered()) ?? views[0]);
  }

  screen(views) {
    this.state = make("span", "state");
    this.state.setAttribute("role", "status");
    this.over = make("p", "over");
    this.over.hidden = true;
    this.stage = make("div", "stage", this.picture.canvas, this.over);
    const bar = make("div", "bar", make("h2", "", this.name), this.state);
    if (views.length > 1) bar.append(this.chooser(views));
    bar.append(this.wholeScreen());
    this.card = make("section", "card screen", bar, this.stage);
    this.card.setAttribute("aria-label", `Picture of ${this.name}`);
    return this.card;
  }

  chooser(views) {
    const box = make("fieldset", "choices", make("legend", "hidden", "View"));
    this.buttons = new Map();
    for (const [view, title] of views) {
      const button = make("input");
      button.type = "radio";
      button.name = "view";
      button.value = view;
      button.addEventListener("change", () => this.choose([view, title]));
      this.buttons.set(view, button);
      box.append(make("label", "", button, make("span", "", title)));
    }
    return box;
  }

  choose([view, title]) {
    if (this.buttons?.has(view)) this.buttons.get(view).checked = true;
    this.picture.show(view, title);
    remember(view);
  }

  wholeScreen() {
    const button = make("button", "plain", "Full screen");
    button.type = "button";
    button.hidden = !document.fullscreenEnabled;
    button.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : this.stage.requestFullscreen()));
    return button;
  }

  panel() {
    this.values = {};
    this.sparks = {};
    const list = make("dl", "figures");
    for (const title of ["fps", "age", "delivered", "covered", "dropped", "captured"]) {
      this.values[title] = make("dd", "", "–");
      const row = make("div", "", make("dt", "", title), this.values[title]);
      if (title === "fps" || title === "age") row.append((this.sparks[title] = new Spark(title)).element);
      list.append(row);
    }
    this.reasons = make("ul", "reasons");
    return make("section", "card panel", make("h2", "", "How it goes"), list, this.reasons);
  }

  about(told) {
    this.knobs.about(told.knobs);
    this.insight.about(told);
  }

  now(told) {
    const row = told.cameras[this.name] ?? {};
    this.element.classList.remove("gone");
    this.figures(row);
    this.condition(condition(row, this.live, this.name, told.seconds));
    this.insight.now(told);
  }

  figures(row) {
    const here = row.idle !== null && row.idle !== undefined;
    set(this.values.fps, here ? row.fps.toFixed(1) : "–");
    set(this.values.age, here ? seconds(row.age) : "–");
    for (const title of ["delivered", "covered", "captured"]) set(this.values[title], count(row[title]));
    set(this.values.dropped, row.dropped ? count(sum(row.dropped)) : "–");
    this.sparks.fps.add(here ? row.fps : 0);
    this.sparks.age.add(here ? row.age : 0);
    const chips = [...lines("covered", row.covers), ...lines("dropped", row.dropped)];
    const words = chips.map(([, text]) => text).join();
    if (words !== this.said) this.reasons.replaceChildren(...chips.map(([kind, text]) => make("li", kind, text)));
    this.said = words;
  }

  condition(found) {
    this.card.dataset.state = found.kind;
    set(this.state, found.word);
    set(this.over, explain(found));
    show(this.over, found.kind !== "live");
  }

  gone() {
    this.element.classList.add("gone");
    this.condition({ kind: "stale", word: "No answer", text: "" });
  }

  stop() {
    this.picture.stop();
    this.insight.stop();
  }
}

function lines(kind, counts) {
  return Object.entries(counts ?? {}).filter(([, n]) => n > 0).map(([word, n]) => [kind, `${count(n)} ${kind}: ${reason(word)}`]);
}

// The view stays when one goes from camera to camera, in this window only.
function remembered() {
  try {
    return sessionStorage.getItem("view");
  } catch {
    return null;
  }
}

function remember(view) {
  try {
    sessionStorage.setItem("view", view);
  } catch {
    // A browser that keeps nothing shows the first view each time.
  }
}
