// How a camera is, from its row of numbers.

import { ago, reason, stateWord } from "./words.js";

const STALE = 2; // seconds without a frame before a picture counts as old

// kind: live, covered, stale, waiting, paused, ended or failed. word: for beside its name. text: why, for over its picture.
export function condition(row, live, name, at) {
  if (row.state === "failed") return { kind: "failed", word: "Not here", text: row.error ?? "" };
  if (row.state === "paused" || row.state === "ended") return { kind: row.state, word: stateWord(row.state), text: "" };
  const covering = hidden(row, live, name, at);
  if (row.idle === null || row.idle === undefined) return { kind: "waiting", word: stateWord(row.state) || "Starting", text: "" };
  if (row.idle > STALE) {
    const word = row.state === "reconnecting" ? "Reconnecting" : "No frames";
    return { kind: "stale", word, text: "", since: ago(row.idle) };
  }
  if (covering.length) return { kind: "covered", word: "Covered", text: covering.map(reason).join(", ") };
  return { kind: "live", word: "Live", text: "" };
}

// The reasons for which its frames are covered at the moment.
function hidden(row, live, name, at) {
  return Object.entries(row.covers ?? {}).filter(([word, n]) => live.rate(`cover ${name} ${word}`, n, at) > 0).map(([word]) => word);
}

// One sentence to lay over the picture.
export function explain({ kind, text, since }) {
  if (kind === "stale") return since ? `No frame since ${since}` : "No answer";
  if (kind === "waiting") return "Waiting for the first frame";
  if (kind === "covered") return `Covered: ${text}`;
  if (kind === "paused") return "Paused";
  if (kind === "ended") return "This camera has ended";
  return text;
}
