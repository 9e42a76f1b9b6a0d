// One page for all: the address says whether it is the wall or one camera.

import { CameraPage } from "./camera.js";
import { Live } from "./live.js";
import { Wall } from "./wall.js";
import { clock, make, set, show } from "./words.js";

const root = new URL("../", import.meta.url);
const path = decodeURIComponent(location.pathname.slice(root.pathname.length));
const asked = path.startsWith("camera/") ? path.slice("camera/".length) : "";
const main = document.getElementById("main");
const place = Object.fromEntries(["run", "cameras", "notice"].map((id) => [id, document.getElementById(id)]));
const time = make("span", "time");
let page = null;
let shown = "";

const live = new Live(root, { about, now, gone });

function about(told) {
  document.title = asked ? `${asked} · ${told.graph} · Edgeflow` : `${told.graph} · Edgeflow`;
  tellDevice(told.device);
  tellCameras(told.cameras);
  const kind = pageFor(told.cameras);
  const key = JSON.stringify([kind, told.graph, told.views, told.knobs.map((knob) => knob.stage)]);
  if (key !== shown) {
    shown = key;
    page?.stop();
    page = build(kind, told);
    main.replaceChildren(page.element);
  }
  page.about(told);
}

function pageFor(cameras) {
  if (asked) return cameras.includes(asked) ? `camera ${asked}` : "nowhere";
  return cameras.length === 1 ? `camera ${cameras[0]}` : "wall";
}

function build(kind, told) {
  if (kind === "wall") return new Wall(root, live);
  if (kind === "nowhere") return new Nowhere();
  return new CameraPage(root, live, kind.slice("camera ".length), told.views);
}

function now(told) {
  show(place.notice, false);
  page?.now(told);
  set(time, clock(told.seconds));
}

function gone() {
  set(place.notice, "The program does not answer: it has ended, or is being restarted. This page goes on when it is back.");
  show(place.notice, true);
  page?.gone();
}

// What the networks run on; another than was asked for is told with its reason.
function tellDevice(device) {
  const parts = [];
  if (device.resolved) {
    const other = device.requested && device.requested !== device.resolved;
    parts.push(make("span", other ? "device other" : "device", `on ${device.resolved}`));
    if (other) parts.push(make("span", "why", `instead of ${device.requested}: ${device.reason}`));
  }
  place.run.replaceChildren(time, ...parts);
}

function tellCameras(cameras) {
  show(place.cameras, cameras.length > 1 || (asked && !cameras.includes(asked)));
  const links = [["All cameras", root, !asked], ...cameras.map((name) => [name, new URL(`camera/${name}`, root), name === asked])];
  place.cameras.replaceChildren(...links.map(([title, address, here]) => {
    const link = make("a", "", title);
    link.href = address;
    if (here) link.setAttribute("aria-current", "page");
    return link;
  }));
}

class Nowhere {
  constructor() {
    const sentence = `There is no camera “${asked}” in this graph now. Should it come, its picture appears here.`;
    this.element = make("p", "card empty", sentence);
  }
  about() {}
  now() {}
  gone() {}
  stop() {}
}
