"use strict";
// How the margin of each network's answer fades as neutral words come between, and where it has halved.
//
// The margin is that of the label which the network gives the text alone: below zero it has changed its
// answer. The slider stands below the axis and is its pointer.
//
// The margin without the text is that of the same label: what a network answers anyway is no memory.
const distance = (() => {
  const PLACES = [0, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 125, 150, 175, 200, 250, 300, 350, 400];
  const EDGE = { top: 24, bottom: 38, left: 40 };
  const HEIGHT = 276;
  const SURE = 1; // the least margin of an answer whose half-life says something
  const NAMED = 520; // width from which the lines have their names beside them
  let places; // the nearest to these that break no sentence off
  let figure;
  let picture;
  let rows;
  let curves = new Map(); // by name: {network, head, label, points: [words, margin]}
  const now = new Map(); // by name: the logits of what is read now
  const without = new Map(); // and of the neutral words alone
  let words = 0;
  let scale;

  function begin(element, body) {
    places = [...new Set(PLACES.map((place) => reading.wholeNear(place)))];
    figure = element;
    picture = draw("svg", { role: "img", height: HEIGHT });
    figure.prepend(picture);
    rows = body;
    new ResizeObserver(redraw).observe(figure);
  }

  // Reads the text at every distance, network by network, and draws what is known meanwhile. Returns
  // whether it came to the end.
  async function measure(networks, given, head, pause) {
    const measured = new Map();
    figure.classList.add("stale");
    for (const network of networks) {
      const curve = { network, head, label: null, points: [] };
      measured.set(network.name, curve);
      for (const place of places) {
        measureAt(curve, given, place);
        if (!(await pause())) return false;
      }
      const left = [...curves].filter(([name]) => !measured.has(name) && networks.some((one) => one.name === name));
      curves = new Map([...measured, ...left]);
      redraw();
    }
    figure.classList.remove("stale");
    return true;
  }

  function measureAt(curve, given, place) {
    const { network, head, points } = curve;
    const columns = reading.columnsOf(network.tokenizer, { ...given, words: place });
    const read = Networks.read(network, reading.idsOf(columns));
    curve.label ??= reading.answerOf(read.logits[head]).label;
    points.push([place, Networks.margin(network, read, head, curve.label)]);
  }

  const isSure = ([[, alone]]) => alone >= SURE;

  // The distance from which on less than half of the margin is left; null where more is left at the furthest,
  // or there was too little.
  function halfLifeOf(points) {
    const half = points[0][1] / 2;
    const at = points.findLastIndex(([, margin]) => margin >= half);
    if (!isSure(points) || at === points.length - 1) return null;
    const [[near, high], [far, low]] = [points[at], points[at + 1]];
    return near + ((far - near) * (high - half)) / (high - low);
  }

  function clear() {
    figure.classList.remove("stale");
    curves = new Map();
    picture.setAttribute("aria-label", "Nothing to show: there is no text.");
    picture.replaceChildren(draw("text", { x: 0, y: EDGE.top }, "Nothing to show: there is no text."));
    rows.replaceChildren();
  }

  function show(count) {
    words = count;
    if (scale) pointAtWords();
    tellRows();
  }

  function redraw() {
    const shown = [...curves.values()].filter(({ points }) => points.length);
    const width = figure.clientWidth;
    if (!shown.length || !width) return;
    const right = width < NAMED ? 14 : 28 + 7 * Math.max(...shown.map(({ network }) => network.label.length));
    const margins = shown.flatMap(({ points }) => points.map(([, margin]) => margin));
    const [low, high] = [Math.min(-1, ...margins), Math.max(1, ...margins)];
    scale = {
      x: (count) => EDGE.left + (count / reading.FURTHEST) * (width - EDGE.left - right),
      y: (margin) => EDGE.top + ((high - margin) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom),
      low, high, width, right,
    };
    figure.parentElement.style.setProperty("--left", `${EDGE.left}px`);
    figure.parentElement.style.setProperty("--right", `${right}px`);
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.replaceChildren(...axes(), ...shown.map(curveOf), ...note(), ...namesOf(shown), pointer());
    picture.setAttribute("aria-label", `Margin of each network by the number of neutral words. ${shown.map(
      ({ network, points }) => `${network.label}: ${tellHalfLife(points)}`).join("; ")}`);
    pointAtWords();
    tellRows();
  }

  function axes() {
    const { x, y, low, high } = scale;
    const step = [0.5, 1, 2, 5, 10, 20, 50].find((one) => (high - low) / one <= 6) ?? 100;
    const parts = [];
    for (let margin = Math.ceil(low / step) * step; margin <= high; margin += step) {
      const kind = margin === 0 ? "zero" : "grid";
      parts.push(
        draw("line", { class: kind, x1: x(0), x2: x(reading.FURTHEST), y1: y(margin), y2: y(margin) }),
        draw("text", { x: EDGE.left - 6, y: y(margin) + 4, "text-anchor": "end" }, decimal(margin, step < 1 ? 1 : 0)),
      );
    }
    for (const count of [0, 100, 200, 300, 400]) {
      parts.push(draw("text", { x: x(count), y: HEIGHT - 22, "text-anchor": "middle" }, String(count)));
    }
    parts.push(
      draw("text", { x: 0, y: 11 }, "margin (0: undecided)"),
      draw("text", { x: x(reading.FURTHEST / 2), y: HEIGHT - 6, "text-anchor": "middle" }, "neutral words"),
    );
    return parts;
  }

  // Above the lines.
  const note = () => (scale.low < -0.5
    ? [draw("text", { class: "note", x: scale.x(0) + 6, y: scale.y(0) + 14 }, "below: another answer")] : []);

  function curveOf({ network, points }) {
    const { x, y } = scale;
    const half = halfLifeOf(points);
    const line = lineThrough(points.map(([count, margin]) => [x(count), y(margin)]));
    const marks = half === null ? [] : [markAt(network, x(half), y(points[0][1] / 2), { class: "half" })];
    return paint(draw(
      "g", { class: "curve", "data-name": network.name },
      draw("path", { d: line, "stroke-dasharray": dashOf(network) }), ...marks,
    ), network);
  }

  // Lets the line of one network stand out; null: of none.
  function follow(name) {
    for (const curve of picture.querySelectorAll(".curve")) {
      curve.classList.toggle("faint", name !== null && curve.dataset.name !== name);
    }
  }

  // Names at the ends of the lines, pushed apart where they would cover one another.
  function namesOf(shown) {
    const { x, y, width } = scale;
    if (width < NAMED) return [];
    const ends = shown.map(({ network, points }) => ({ network, y: y(points[points.length - 1][1]) }))
      .sort((one, other) => one.y - other.y);
    for (let at = 1; at < ends.length; at += 1) ends[at].y = Math.max(ends[at].y, ends[at - 1].y + 14);
    const over = ends[ends.length - 1].y - (HEIGHT - EDGE.bottom);
    for (let at = ends.length - 1, floor = HEIGHT - EDGE.bottom; over > 0 && at >= 0; at -= 1, floor -= 14) {
      ends[at].y = Math.min(ends[at].y, floor);
    }
    return ends.map(({ network, y: height }) => paint(
      draw("text", { class: "end", x: x(reading.FURTHEST) + 10, y: height + 4 }, network.label), network,
    ));
  }

  const pointer = () => draw("line", { class: "pointer", y1: EDGE.top - 6, y2: HEIGHT - EDGE.bottom });
  function pointAtWords() {
    const line = find(".pointer", picture);
    for (const end of ["x1", "x2"]) line?.setAttribute(end, scale.x(words));
  }

  const tellHalfLife = (points) => {
    if (!isSure(points)) return "unsure from the start";
    const half = halfLifeOf(points);
    return half === null ? `beyond ${points[points.length - 1][0]}` : plural(Math.max(1, Math.round(half)), "word");
  };

  function tellRows() {
    const shown = [...curves.values()].filter(({ points }) => points.length);
    rows.replaceChildren(...shown.map(({ network, head, label, points }) => {
      const name = make("th", { scope: "row" }, keyOf(network), network.label);
      const [margin, alone] = [now, without].map((one) => one.get(network.name)).map((logits) => (
        logits ? decimal(Networks.margin(network, { logits }, head, label)) : ""));
      const cells = [decimal(points[0][1]), margin, alone, tellHalfLife(points)];
      return make("tr", {}, paint(name, network), ...cells.map((cell) => make("td", { class: "number" }, cell)));
    }));
  }

  // Says what a network answers to what is read now, by its logits.
  function answer(name, logits) {
    now.set(name, logits);
    tellRows();
  }

  // Says what a network answers to the neutral words alone; `forget`: that this is not known now.
  function fill(name, logits) {
    without.set(name, logits);
    tellRows();
  }
  function forget() {
    without.clear();
    tellRows();
  }

  return { begin, measure, clear, show, answer, fill, forget, follow };
})();
