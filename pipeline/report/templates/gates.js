"use strict";
// A heat map of what goes on in the networks: columns are words, rows units or, of means, networks.
//
// Gates are between 0 and 1, states around zero. Units are sorted by their time constant in this text: the
// words after which a unit has kept 37% of its state, through its keep gate alone.
const gates = (() => {
  const MEANS = "means";
  const NAMES = { candidate: "candidate", cell: "cell state", hidden: "state" }; // what is no gate
  const HEIGHT = 320; // of all units together
  const LINE = 64;
  const FONT = "12px system-ui, sans-serif";
  let parts;
  let map = null;
  let pointed;
  let cursor = null; // {row, column}
  let shownExtent = null;

  // `given`: the elements {frame, canvas, line, which, what, scale, said}; `change` is given what was chosen in
  // the menus, `point` the column that is looked at, or null.
  function begin(given, { change, point }) {
    parts = given;
    pointed = point;
    parts.which.addEventListener("change", () => change({ which: parts.which.value, what: null }));
    parts.what.addEventListener("change", () => change({ what: parts.what.value }));
    parts.frame.addEventListener("pointermove", look);
    for (const kind of ["pointerleave", "blur"]) {
      parts.frame.addEventListener(kind, () => {
        tip.hide();
        point(null);
      });
    }
    parts.frame.addEventListener("keydown", step);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      if (map) map.cells = null;
      redraw();
    });
    new ResizeObserver(() => redraw()).observe(parts.frame);
  }

  // A layer in one direction, with its name where a network has several.
  function tracesOf({ network, columns, layers }) {
    return layers.flatMap(({ directions }, at) => directions.map((traced, side) => ({
      key: `${network.name}/${at}/${side}`, network, columns, ...traced,
      keep: network.keep_gate ? plain(network.keep_gate) : null,
      name: [
        network.label, ...(layers.length > 1 ? [`layer ${at + 1}`] : []),
        ...(directions.length > 1 ? [["forward", "backward"][side]] : []),
      ].join(", "),
    })));
  }

  // What there is of what is wanted in the menus, {which, what}; null of what there is not.
  function known(networks, { which, what }) {
    const network = networks.find((one) => keysOf(one).includes(which));
    if (!network) return { which: which === MEANS ? which : null, what: null };
    const { gates: all, states } = network;
    const kinds = [...(all.length > 1 ? all.map(plain) : []), ...(states > 1 ? ["cell"] : []), "hidden"];
    return { which, what: kinds.includes(what) ? what : null };
  }
  const keysOf = ({ name, num_layers: layers, bidirectional }) => Array.from(
    { length: layers }, (_, at) => (bidirectional ? [0, 1] : [0]).map((side) => `${name}/${at}/${side}`),
  ).flat();
  const plain = (gate) => gate.replace(/ gate$/, "");

  // `networks`: {network, columns, layers}, as read; `wanted`: {which, what} of the menus, or null.
  function show(networks, wanted) {
    parts.frame.hidden = parts.scale.hidden = !networks.length;
    if (!networks.length) return clear();
    const traces = networks.flatMap(tracesOf);
    const means = traces.some(({ keep }) => keep) ? [[MEANS, "all networks: how much they keep"]] : [];
    const each = traces.map(({ key, name }) => [key, `${name}: its units`]);
    fill(parts.which, [...means, ...each], wanted.which ?? parts.which.value);
    const one = traces.find(({ key }) => key === parts.which.value);
    const kinds = one ? [
      ...Object.keys(one.gates).filter((gate) => !NAMES[gate]).map((gate) => [gate, `${gate} gate`]),
      ...Object.keys(NAMES).filter((name) => one.gates[name] ?? one[name]).map((name) => [name, NAMES[name]]),
    ] : [["keep", "mean of the keep gate"]];
    fill(parts.what, kinds, wanted.what ?? one?.keep ?? parts.what.value);
    parts.what.disabled = kinds.length < 2;
    map = one ? unitsOf(one, parts.what.value) : meansOf(traces.filter(({ keep }) => keep));
    // It stays where it is while the same words and units are shown.
    const extent = `${map.rows.length} ${map.columns.map(({ text }) => text).join(" ")}`;
    if (extent !== shownExtent) cursor = { row: one ? map.rows.length - 1 : 0, column: map.columns.length - 1 };
    shownExtent = extent;
    showScale();
    redraw();
  }

  function clear() {
    map = shownExtent = null;
    tip.hide();
    parts.said.textContent = "Nothing to show: there is no text.";
  }

  function showScale() {
    const [low, , high] = parts.scale.children;
    parts.scale.classList.toggle("signed", map.signed);
    low.textContent = map.signed ? decimal(-map.largest, 1) : "0";
    high.textContent = map.signed ? decimal(map.largest, 1) : "1";
  }

  const row = (values, units, unit) => (
    Float32Array.from({ length: values.length / units }, (_, at) => values[at * units + unit]));
  const mean = (values) => values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length);
  const constantOf = (kept) => -1 / Math.log(Math.min(Math.max(kept, 1e-6), 1 - 1e-6));

  // Of those that read the same tokens.
  function meansOf(traces) {
    const [{ columns, network: first }] = traces;
    const alike = traces.filter(({ network }) => network.tokenizer === first.tokenizer);
    const rows = alike.map(({ name, network, gates: all, keep, units }) => ({
      name, network,
      values: Float32Array.from(columns, (_, at) => mean(all[keep].subarray(at * units, (at + 1) * units))),
    }));
    return { rows, columns, signed: false, largest: 1, title: "kept of the state" };
  }

  function unitsOf(one, what) {
    const values = one.gates[what] ?? one[what];
    const kept = one.keep && one.gates[one.keep];
    const rows = Array.from({ length: one.units }, (_, unit) => ({
      name: `unit ${unit + 1}`, values: row(values, one.units, unit),
      constant: kept ? constantOf(mean(row(kept, one.units, unit))) : null,
    }));
    rows.sort((first, second) => (first.constant ?? 0) - (second.constant ?? 0));
    const signed = what in NAMES;
    const largest = signed ? Math.max(1e-6, ...rows.map((each) => Math.max(...each.values.map(Math.abs)))) : 1;
    const title = NAMES[what] ?? `${what} gate`;
    return { rows, columns: one.columns, signed, largest, title, network: one.network };
  }
  const inWords = (count) => (
    count > 1000 ? "over 1,000 words" : `${count < 10 ? count.toFixed(1) : Math.round(count)} words`);

  // --- Drawing ---

  const styled = (name) => getComputedStyle(parts.frame).getPropertyValue(name);
  // Red, green and blue of a colour.
  const partsOf = (name) => styled(name).match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));

  function layout() {
    const width = parts.frame.clientWidth;
    const isMeans = !map.network;
    const narrow = width < 520;
    const longestName = isMeans ? 7 * Math.max(...map.rows.map(({ name }) => name.length)) : 0;
    const left = Math.min(Math.max(92, longestName), narrow ? 110 : 230);
    const across = Math.min((width - left) / map.columns.length, 72);
    const down = isMeans ? 26 : Math.max(2, Math.min(14, HEIGHT / map.rows.length));
    const longest = map.columns.reduce((most, { text }) => Math.max(most, text.length), 0) * 6.6;
    const names = across > longest + 6 ? "flat" : across >= 12 ? "steep" : "none";
    const below = { flat: 20, steep: Math.min(longest, 90) + 10, none: 4 }[names];
    return { width, left, across, down, names, below };
  }

  function redraw() {
    if (!map || !parts.frame.clientWidth) return;
    map.at = layout();
    const { width, down, below } = map.at;
    const height = down * map.rows.length + below;
    const ratio = window.devicePixelRatio || 1;
    Object.assign(parts.canvas, { width: width * ratio, height: height * ratio });
    parts.canvas.style.height = `${height}px`;
    const pen = parts.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    drawCells(pen);
    drawNames(pen);
    drawCursor(pen);
    drawLine();
    say();
  }

  // The cells as a picture of one pixel each, which is kept while nothing but the cursor moves.
  function paintCells() {
    const [ground, high, low] = ["--ground", "--high", "--low"].map(partsOf);
    const { rows, columns, largest } = map;
    const cells = new ImageData(columns.length, rows.length);
    rows.forEach(({ values }, place) => values.forEach((value, column) => {
      const level = Math.max(-1, Math.min(1, value / largest));
      const end = level < 0 ? low : high;
      const mixed = ground.map((from, at) => from + (end[at] - from) * Math.abs(level));
      cells.data.set([...mixed, 255], 4 * (place * columns.length + column));
    }));
    map.cells = Object.assign(document.createElement("canvas"), { width: columns.length, height: rows.length });
    map.cells.getContext("2d").putImageData(cells, 0, 0);
  }

  function drawCells(pen) {
    if (!map.cells) paintCells();
    const { left, across, down } = map.at;
    const [wide, high] = [across * map.columns.length, down * map.rows.length];
    pen.imageSmoothingEnabled = false;
    pen.drawImage(map.cells, left, 0, wide, high);
    pen.fillStyle = styled("--paper");
    for (let column = 1; across > 6 && column < map.columns.length; column += 1) {
      pen.fillRect(left + column * across - 1, 0, 1, high);
    }
    for (let place = 1; down > 12 && place < map.rows.length; place += 1) {
      pen.fillRect(left, place * down - 1, wide, 1);
    }
  }

  function drawNames(pen) {
    const { left, across, down, names, width } = map.at;
    const ends = down * map.rows.length;
    pen.font = FONT;
    pen.fillStyle = styled("--muted");
    if (!map.network) {
      pen.fillStyle = styled("--ink");
      map.rows.forEach(({ name }, place) => pen.fillText(name, 0, place * down + 17, left - 8));
    } else if (map.rows[0].constant !== null) {
      const [shortest, longest] = [0, map.rows.length - 1].map((place) => inWords(map.rows[place].constant));
      ["time constant", `${shortest} …`].forEach((line, at) => pen.fillText(line, 0, 11 + 16 * at, left - 8));
      pen.fillText(`… ${longest}`, 0, ends - 3, left - 8);
    }
    pen.fillStyle = styled("--muted");
    if (names === "none") return;
    map.columns.forEach(({ text }, column) => {
      pen.save();
      pen.translate(left + (column + 0.5) * across, ends + (names === "flat" ? 14 : 8));
      pen.textAlign = names === "flat" ? "center" : "right";
      if (names === "steep") pen.rotate(-Math.PI / 3);
      pen.fillText(text, 0, names === "flat" ? 0 : 4, width);
      pen.restore();
    });
  }

  function drawCursor(pen) {
    const { left, across, down } = map.at;
    pen.strokeStyle = styled("--ink");
    pen.lineWidth = 1.5;
    const [x, y] = [left + cursor.column * across, cursor.row * down];
    pen.strokeRect(x - 0.5, y - 0.5, Math.max(across, 3), Math.max(down, 3));
  }

  // The row of the cursor as a line, below the map.
  function drawLine() {
    const { left, across, width } = map.at;
    const { values } = map.rows[cursor.row];
    const y = (value) => (map.signed ? 0.5 - value / map.largest / 2 : 1 - value) * (LINE - 8) + 4;
    const x = (column) => left + (column + 0.5) * across;
    const [top, bottom] = map.signed ? [map.largest, -map.largest] : [1, 0];
    parts.line.setAttribute("viewBox", `0 0 ${width} ${LINE}`);
    parts.line.replaceChildren(
      draw("text", { x: left - 8, y: 13, "text-anchor": "end" }, decimal(top, map.signed ? 1 : 0)),
      draw("text", { x: left - 8, y: LINE - 3, "text-anchor": "end" }, decimal(bottom, map.signed ? 1 : 0)),
      draw("line", { class: "base", x1: left, x2: left + across * values.length, y1: y(0), y2: y(0) }),
      draw("path", { class: "line", d: lineThrough([...values].map((value, column) => [x(column), y(value)])) }),
      draw("circle", { class: "dot", r: 4, cx: x(cursor.column), cy: y(values[cursor.column]) }),
    );
  }

  // --- Reading off ---

  function tell() {
    const { name, values, constant } = map.rows[cursor.row];
    return [
      `“${map.columns[cursor.column].text}”`, name, `${map.title} ${decimal(values[cursor.column])}`,
      ...(constant ? [`time constant ${inWords(constant)}`] : []),
    ].join(", ");
  }
  const say = () => { parts.said.textContent = tell(); };

  function look(event) {
    const { left, top } = parts.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - left - map.at.left) / map.at.across);
    const place = Math.floor((event.clientY - top) / map.at.down);
    if (!map.rows[place] || !map.columns[column]) return tip.hide();
    put(place, column);
    const [x, y] = [event.clientX, event.clientY];
    return tip.show(tell(), () => ({ left: x - 12, right: x + 12, top: y - 12, bottom: y + 12 }));
  }

  function step(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const ends = { Home: 0, End: map.columns.length - 1 };
    if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in moves || event.key in ends)) return;
    event.preventDefault();
    if (event.key in ends) return put(cursor.row, ends[event.key]);
    const [down, right] = moves[event.key];
    put(cursor.row + down, cursor.column + right);
  }

  function put(place, column) {
    if (!map.rows[place] || !map.columns[column]) return;
    cursor = { row: place, column };
    redraw();
    pointed(map.columns[column]);
  }

  return { begin, known, show };
})();
