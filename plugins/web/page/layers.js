// Where the stages of a graph stand: in layers, makers before readers, so that edges go one way and seldom cross.

// stages: [{name}], edges: [{from, to, back}]. Returns name → {layer, at}, and for each edge the layers' gaps that it passes
// through, as [{layer, at}]. `at` counts places within a layer from its middle.
export function arrange(stages, edges) {
  const forward = edges.filter((edge) => !edge.back);
  const layer = depths(stages, forward);
  const rows = [];
  const put = (name, depth) => (rows[depth] ??= []).push(name);
  for (const stage of stages) put(stage.name, layer.get(stage.name));
  const steps = [];
  const bends = new Map();
  forward.forEach((edge, i) => {
    let last = edge.from;
    const between = [];
    for (let depth = layer.get(edge.from) + 1; depth < layer.get(edge.to); depth++) {
      const bend = `${i}/${depth}`;
      put(bend, depth);
      between.push(bend);
      steps.push([last, bend]);
      last = bend;
    }
    steps.push([last, edge.to]);
    bends.set(edge, between);
  });
  order(rows, steps);
  const places = new Map();
  rows.forEach((names, depth) => names.forEach((name, i) => places.set(name, { layer: depth, at: i - (names.length - 1) / 2 })));
  return { places, bends, layers: rows.length, widest: Math.max(1, ...rows.map((names) => names.length)) };
}

// A stage stands one layer behind the last of those that it reads from.
function depths(stages, edges) {
  const layer = new Map(stages.map((stage) => [stage.name, 0]));
  for (let turn = 0; turn < stages.length; turn++) {
    let moved = false;
    for (const { from, to } of edges) {
      if (layer.get(to) <= layer.get(from)) {
        layer.set(to, layer.get(from) + 1);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return layer;
}

// Within its layer, each goes to the middle of its neighbours in the layer before, then of those behind; a few times.
function order(rows, steps) {
  const before = neighbours(steps, ([from, to]) => [to, from]);
  const behind = neighbours(steps, ([from, to]) => [from, to]);
  for (let turn = 0; turn < 4; turn++) {
    for (let i = 1; i < rows.length; i++) sortBy(rows[i], rows[i - 1], before);
    for (let i = rows.length - 2; i >= 0; i--) sortBy(rows[i], rows[i + 1], behind);
  }
}

function neighbours(steps, pair) {
  const found = new Map();
  for (const step of steps) {
    const [name, other] = pair(step);
    found.set(name, [...(found.get(name) ?? []), other]);
  }
  return found;
}

function sortBy(row, fixed, neighboursOf) {
  const middle = (name, i) => {
    const places = (neighboursOf.get(name) ?? []).map((other) => fixed.indexOf(other)).filter((at) => at >= 0);
    return places.length ? places.reduce((a, b) => a + b) / places.length / Math.max(1, fixed.length - 1) : i / row.length;
  };
  const wanted = new Map(row.map((name, i) => [name, middle(name, i)]));
  row.sort((a, b) => wanted.get(a) - wanted.get(b));
}
