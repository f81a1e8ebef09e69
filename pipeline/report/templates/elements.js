"use strict";
// Elements of a page made of text that is only ever text, and how numbers are written in them.
const SVG = "http://www.w3.org/2000/svg";

// `given`: attributes; one that begins with "on" is a listener, and null or false is left away.
function dress(element, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const make = (name, given = {}, ...children) => dress(document.createElement(name), given, children);
const draw = (name, given = {}, ...children) => dress(document.createElementNS(SVG, name), given, children);
const find = (selector, within = document) => within.querySelector(selector);

function percent(share) {
  const shown = 100 * share;
  if (shown > 0 && shown < 0.1) return "<0.1%";
  if (shown < 100 && shown > 99.9) return ">99.9%";
  return `${shown.toFixed(shown < 10 || shown > 90 ? 1 : 0)}%`;
}

const decimal = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
const plural = (count, name) => `${count.toLocaleString("en")} ${name}${count === 1 ? "" : "s"}`;

// The marks of the figures, around a point.
const MARKS = {
  circle: "M0-5a5 5 0 1 1 0 10a5 5 0 1 1 0-10z",
  square: "M-4.5-4.5h9v9h-9z",
  "triangle-up": "M0-5.5 5.5 4.5h-11z",
  cross: "M-2-5h4v3h3v4h-3v3h-4v-3h-3v-4h3z",
  diamond: "M0-6 6 0 0 6-6 0z",
};
const markAt = (network, x = 0, y = 0, given = {}) => draw(
  "path", { d: MARKS[network.mark] ?? MARKS.diamond, transform: `translate(${x} ${y})`, ...given },
);

// A network's line and mark, as in the legend of the report.
const keyOf = (network) => draw(
  "svg", { class: "key", viewBox: "0 0 34 14", "aria-hidden": "true" },
  draw("line", { x1: 0, x2: 34, y1: 7, y2: 7, "stroke-dasharray": dashOf(network) }),
  markAt(network, 17, 7, { fill: "currentColor" }),
);
const dashOf = (network) => network.dash.join(" ");

// The colours of a network: what is `.look` inside has the one for the page's paper.
function paint(element, network) {
  element.style.setProperty("--light", network.color);
  element.style.setProperty("--dark", network.dark_color);
  element.classList.add("look");
  return element;
}

const lineThrough = (points) => points.map(
  ([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`,
).join("");

// A menu with a choice for each of `options`, [value, text].
function fill(menu, options, value) {
  menu.replaceChildren(...options.map(([option, text]) => make("option", { value: option }, text)));
  menu.value = options.some(([option]) => String(option) === String(value)) ? value : options[0]?.[0];
}

// A table whose first column names the rows.
function tabulate(titles, rows) {
  const head = make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)));
  const body = rows.map(([name, ...cells]) => make(
    "tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell)),
  ));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
}
