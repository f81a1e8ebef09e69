"use strict";
// What every network answers: for each head the answer, a meter, and the line of how it came about.
//
// Of two labels the line shows the second's probability, from none below to all above; of more, that of
// the answer.
const answers = (() => {
  const HEIGHT = 40;
  const ORDER = ["before", "text", "after"]; // of the kinds of columns
  let cards = [];

  // `point` is given the column that is looked at, or null; `choose` a network's name and a seed; `follow`
  // the name of the network that is looked at, or null.
  function begin(element, networks, { point, choose, follow }) {
    const named = new Set();
    cards = networks.map((network) => cardOf(network, named, point, choose));
    element.replaceChildren(...cards.map(({ item }) => item));
    for (const { item, network } of cards) {
      for (const kind of ["pointerenter", "focusin"]) item.addEventListener(kind, () => follow(network.name));
      for (const kind of ["pointerleave", "focusout"]) item.addEventListener(kind, () => follow(null));
    }
  }

  function cardOf(network, named, point, choose) {
    const heads = network.heads.map((head) => {
      const row = rowOf(head, network.heads.length > 1, !named.has(head.name), point);
      named.add(head.name);
      return row;
    });
    const title = make("h3", {}, keyOf(network), make("span", {}, network.label));
    const score = make("span", { class: "score" });
    const seeds = seedsOf(network, choose);
    const item = make(
      "li", { class: "card" }, make("div", { class: "name" }, title, score, ...seeds),
      ...heads.map(({ row }) => row),
    );
    return { item: paint(item, network), network, heads, score, seeds };
  }

  // A line of two labels says what up and down are, below a head's name or once above all.
  function rowOf(head, isNamed, isFirst, point) {
    const two = head.labels.length === 2;
    const picture = draw("svg", { class: "course", "aria-hidden": "true", height: HEIGHT });
    const [down, up] = head.labels;
    const ends = two && (isNamed || isFirst)
      ? [make("span", { class: "ends", "aria-hidden": "true" }, `↑ ${up} ↓ ${down}`)] : [];
    const level = make("i");
    const ghost = make("b", { hidden: true });
    const meter = make("div", { class: two ? "meter two" : "meter", "aria-hidden": "true" }, level, ghost);
    const said = make("p", { class: "said" });
    const row = make(
      "div", { class: "head" },
      ...(isNamed || ends.length ? [make(isNamed ? "h4" : "p", { class: "of" }, isNamed ? head.name : "", ...ends)] : []),
      picture, meter, said,
    );
    const one = { row, head, two, picture, level, ghost, said, width: 0, steps: [], columns: [] };
    picture.addEventListener("pointermove", (event) => point(columnAt(one, event)));
    picture.addEventListener("pointerleave", () => point(null));
    return one;
  }

  const choose = (networks) => tellSeeds(cards, networks, (score) => `${percent(score)} right on test`);

  function columnAt({ picture, columns }, event) {
    const { left, width } = picture.getBoundingClientRect();
    const at = Math.floor(((event.clientX - left) / width) * columns.length);
    return columns[Math.max(0, Math.min(columns.length - 1, at))] ?? null;
  }

  const cardNamed = (name) => cards.find(({ network }) => network.name === name);

  // Of a network that was given nothing to read.
  function clear(name) {
    for (const one of cardNamed(name).heads) {
      one.steps = [];
      one.picture.replaceChildren();
      one.level.style.cssText = "height:0";
      one.ghost.hidden = true;
      one.said.replaceChildren("–");
    }
  }

  // `steps`: [column, logits by head] in rising order, the last being the answer; where there is no other
  // yet, how it came about is not known. `plain`: the logits of the text alone, where other is read; else null.
  function show(name, columns, steps, plain) {
    const card = cardNamed(name);
    for (const one of card.heads) {
      one.columns = columns;
      one.steps = steps.map(([at, logits]) => [at, reading.answerOf(logits[one.head.name])]);
      one.plain = plain && reading.answerOf(plain[one.head.name]);
      drawCourse(one);
      tell(one, null);
    }
  }

  const last = (all) => all[all.length - 1];
  // What the line shows of an answer.
  const levelOf = ({ two, steps }, { shares }) => shares[two ? 1 : last(steps)[1].label];
  const heightOf = (level) => (1 - level) * (HEIGHT - 4) + 2;

  function drawCourse(one) {
    const { picture, columns, steps, two } = one;
    const width = picture.clientWidth || 200;
    const x = (at) => ((at + 0.5) / columns.length) * width;
    const points = steps.map(([at, answer]) => [x(at), heightOf(levelOf(one, answer))]);
    points.push([width, last(points)[1]]);
    const base = heightOf(two ? 0.5 : 0);
    const line = lineThrough(points);
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    one.cursor = draw("line", { class: "cursor", y1: 0, y2: HEIGHT, x1: -9, x2: -9 });
    one.width = width;
    picture.replaceChildren(
      ...shadesOf(columns, width),
      draw("line", { class: "base", x1: 0, x2: width, y1: base, y2: base }),
      draw("path", { class: "area", d: `${line}V${base}H${points[0][0]}z` }),
      draw("path", { class: "line", d: line }),
      one.cursor,
    );
  }

  // Where the neutral words stand.
  function shadesOf(columns, width) {
    const text = columns.map(({ kind }) => kind === "text");
    const [from, to] = [text.indexOf(true), text.lastIndexOf(true) + 1];
    const places = from < 0 ? [[0, columns.length]] : [[0, from], [to, columns.length]];
    return places.filter(([start, end]) => end > start).map(([start, end]) => draw("rect", {
      class: "shade", y: 0, height: HEIGHT,
      x: (start / columns.length) * width, width: ((end - start) / columns.length) * width,
    }));
  }

  // Says the answer after a column; null: the last one.
  function tell(one, column) {
    const { head, two, steps, said, plain } = one;
    const answer = last(column === null ? steps : steps.filter(([at]) => at <= column))?.[1];
    showLevels(one, answer ? levelOf(one, answer) : two ? 0.5 : 0, plain && levelOf(one, plain));
    const parts = answer
      ? [make("strong", {}, head.labels[answer.label]), ` ${percent(answer.shares[answer.label])}`] : ["–"];
    if (column !== null) parts.push(make("small", {}, `after “${one.columns[column].text}”`));
    else if (plain) parts.push(make("small", {}, `was ${before(head, answer, plain)}`));
    said.replaceChildren(...parts);
  }

  function before({ labels }, answer, { label, shares }) {
    return `${label === answer.label ? "" : `${labels[label]} `}${percent(shares[label])}`;
  }

  // Shows a level from 0 to 1 in the meter, and where it was; null: nowhere else.
  function showLevels({ two, level: bar, ghost }, level, was) {
    bar.style.cssText = two
      ? `bottom:${Math.min(level, 0.5) * 100}%;height:${Math.abs(level - 0.5) * 100}%` : `height:${level * 100}%`;
    ghost.hidden = was === null;
    if (was !== null) ghost.style.bottom = `${was * 100}%`;
  }

  // Shows how far every network was after a column; null: after the last.
  function point(column) {
    for (const one of shownHeads()) {
      const reached = column ? placeOf(column, one.columns) : -1;
      const at = reached < 0 ? null : reached;
      const x = at === null ? -9 : ((at + 0.5) / one.columns.length) * one.width;
      one.cursor.setAttribute("x1", x);
      one.cursor.setAttribute("x2", x);
      tell(one, at);
    }
  }

  // Where a column stands among those of another tokenizer.
  function placeOf({ kind, place }, columns) {
    const isReached = (one) => (
      ORDER.indexOf(one.kind) < ORDER.indexOf(kind) || (one.kind === kind && one.place <= place));
    return columns.filter(isReached).length - 1;
  }
  const shownHeads = () => cards.flatMap(({ heads }) => heads).filter(({ steps }) => steps.length);

  // All answers in words, for those who hear the page.
  const summary = () => cards.filter(({ heads }) => heads[0].steps.length).map(({ network, heads }) => {
    const told = heads.map(({ head, steps }) => {
      const { label, shares } = last(steps)[1];
      return `${head.labels[label]} ${percent(shares[label])}`;
    });
    return `${network.label}: ${told.join(", ")}`;
  }).join("; ");

  const redraw = () => shownHeads().forEach(drawCourse);

  // The numbers: a row for each column that is read, a column for each head of each network.
  function table() {
    const heads = cards.flatMap(({ network, heads: all }) => all.map((one) => ({ network, one })))
      .filter(({ one }) => one.steps.length);
    const titles = heads.map(({ network, one }) => (
      network.heads.length > 1 ? `${network.label}, ${one.head.name}` : network.label));
    const saidAfter = heads.map(({ one }) => new Map(one.steps));
    const rows = (heads[0]?.one.columns ?? []).map((column, at) => [
      column.text, ...heads.map(({ one }, place) => {
        const answer = saidAfter[place].get(at);
        return answer ? `${one.head.labels[answer.label]} ${percent(answer.shares[answer.label])}` : "";
      }),
    ]);
    return tabulate(["after the word", ...titles], rows);
  }

  return { begin, choose, clear, show, point, summary, redraw, table };
})();
