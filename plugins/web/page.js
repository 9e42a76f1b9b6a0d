// The pictures come as MJPEG; the figures are asked for once a second. Everything shown is set as text, never as markup.

const STREAMS = 4; // a browser keeps six connections to one host: with more cameras, pictures are fetched one by one
const STALE = 2; // seconds without a frame before a picture is shown as old

const cameras = new Map();
let lost = false;
const byId = (id) => document.getElementById(id);

function make(tag, name, ...inside) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...inside);
  return element;
}

const set = (element, text) => { if (element.textContent !== text) element.textContent = text; };
const later = (seconds, what) => setTimeout(what, seconds * 1000);

function seconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}

function clock(total) {
  const s = Math.floor(total), pad = (n) => String(n).padStart(2, "0");
  return `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
}

function addCamera(name) {
  const image = make("img");
  image.alt = name;
  const since = make("p", "since");
  since.hidden = true;
  const state = make("span", "state");
  const values = {}, figures = make("dl", "figures");
  for (const title of ["fps", "age", "delivered", "covered", "dropped"]) {
    values[title] = make("dd", "", "–");
    figures.append(make("div", "", make("dt", "", title), values[title]));
  }
  const reasons = make("ul", "reasons");
  const card = make("section", "camera", make("div", "screen", image, since), make("p", "name", name, state), figures, reasons);
  byId("wall").append(card);
  return { name, image, since, state, values, reasons, card };
}

function watch(camera, streamed) {
  const path = encodeURIComponent(camera.name);
  let turn = 0;
  camera.load = () => { camera.image.src = streamed ? `stream/${path}.mjpg?${turn++}` : `snapshot/${path}.jpg?${turn++}`; };
  camera.image.onerror = () => later(2, camera.load);
  if (!streamed) camera.image.onload = () => later(0.4, camera.load);
  camera.load();
}

function lay(names) {
  for (const name of names) cameras.set(name, addCamera(name));
  byId("wall").className = names.length > 1 ? "many" : "";
  for (const camera of cameras.values()) watch(camera, names.length <= STREAMS);
}

function chips(what, counts) {
  return Object.entries(counts).filter(([, count]) => count > 0).map(
    ([reason, count]) => make("li", what, make("b", "", count.toLocaleString()), ` ${what}: ${reason.replaceAll("_", " ")}`));
}

function showCamera(camera, here, run) {
  const count = (value) => (value === undefined ? "–" : value.toLocaleString());
  const dropped = run.dropped ?? {};
  set(camera.values.fps, here.idle === null ? "–" : here.fps.toFixed(1));
  set(camera.values.age, here.idle === null ? "–" : seconds(here.age));
  set(camera.values.delivered, count(run.delivered));
  set(camera.values.covered, count(run.covered));
  set(camera.values.dropped, run.dropped ? count(Object.values(dropped).reduce((a, b) => a + b, 0)) : "–");
  camera.reasons.replaceChildren(...chips("covered", run.covers ?? {}), ...chips("dropped", dropped));
  const stale = here.idle === null || here.idle > STALE;
  camera.card.classList.toggle("stale", stale);
  camera.card.classList.toggle("failed", run.state === "failed");
  camera.since.hidden = !stale;
  set(camera.since, here.idle === null ? "waiting for the first picture" : `no picture for ${seconds(here.idle)}`);
  set(camera.state, run.state ?? "");
}

function showDevice(device) {
  if (!device?.resolved) return;
  const parts = ["device ", make("b", "", device.resolved)];
  if (device.requested && device.requested !== device.resolved) {
    parts.push(" ", make("span", "fallback", `instead of ${device.requested}${device.reason ? `: ${device.reason}` : ""}`));
  }
  if (device.requested === device.resolved && device.reason) parts.push(` · ${device.reason}`);
  byId("device").replaceChildren(...parts);
}

function notice(text) {
  byId("notice").hidden = !text;
  set(byId("notice"), text);
}

async function ask() {
  try {
    const answer = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const told = await answer.json();
    const names = Object.keys(told.sources);
    if (!cameras.size) lay(names);
    if (names.some((name) => !cameras.has(name))) return location.reload(); // another graph runs here now
    if (lost) cameras.forEach((camera) => camera.load());
    lost = false;
    for (const [name, here] of Object.entries(told.sources)) showCamera(cameras.get(name), here, told.run.cameras?.[name] ?? {});
    showDevice(told.run.device);
    if (told.run.seconds !== undefined) set(byId("clock"), clock(told.run.seconds));
    notice("");
  } catch {
    lost = true;
    notice("The program does not answer: it has ended, or is being restarted. This page goes on when it is back.");
    for (const camera of cameras.values()) camera.card.classList.add("stale");
  }
  later(1, ask);
}

ask();
