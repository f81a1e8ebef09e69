"use strict";
// The figures: drawn for the width and the scheme of the page, with architectures to follow.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const specs = read("specs");
  const onDark = read("on-dark");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const buttons = [...document.querySelectorAll(".legend button")];
  const views = new Map();
  const followed = new Set();

  // Every colour has a counterpart on the dark page; paper is always light.
  const themed = (spec, isDark) =>
    isDark
      ? JSON.parse(JSON.stringify(spec).replace(/#[0-9a-f]{6}\b/g, (colour) => onDark[colour] || colour))
      : spec;

  // On a phone a title may be wider than its axis, so it is broken into lines; a legend has fewer columns.
  const paperWidth = 620;
  const fitted = (spec, width) => {
    const most = Math.floor(width / 9);
    const lines = (title) => title.split(" ").reduce((all, word) => {
      const last = all.at(-1);
      return last && last.length + word.length >= most ? [...all, word] : [...all.slice(0, -1), last ? `${last} ${word}` : word];
    }, [""]);
    return JSON.parse(JSON.stringify(spec), (key, value) => {
      if (key === "legend" && value?.columns) {
        return { ...value, columns: Math.max(1, Math.min(value.columns, Math.floor((width * value.columns) / paperWidth))) };
      }
      const title = key === "x" && value && value.axis && value.axis.title;
      return typeof title === "string" && title.length > most ? { ...value, axis: { ...value.axis, title: lines(title) } } : value;
    });
  };

  // The static SVG is drawn for paper: keep it for printing.
  const keepForPaper = (place) => {
    const paper = document.createElement("div");
    paper.className = "paper";
    paper.append(...place.childNodes);
    place.after(paper);
    place.classList.remove("still");
  };

  const showFollowed = () => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(followed.has(button.value)));
    for (const view of [...views.values()].flat()) view.signal("followed", [...followed]).runAsync();
  };

  const follow = (name) => {
    if (!followed.delete(name)) followed.add(name);
    showFollowed();
  };

  const sayOf = (_, event, __, value) => {
    if (!value) return tip.hide();
    const table = document.createElement("table");
    for (const [key, text] of Object.entries(value)) {
      const row = table.insertRow();
      row.insertCell().textContent = key;
      row.insertCell().textContent = text;
    }
    // Beside the pointer, so that neither covers the mark.
    const { clientX: x, clientY: y } = event;
    tip.show(table, () => ({ left: x - 14, right: x + 14, top: y - 14, bottom: y + 14 }));
  };

  // One specification is drawn in a place; several stand side by side as panels, with the same scales.
  const drawPanel = async (panel, spec) => {
    const fitting = fitted(themed(spec, dark.matches), panel.clientWidth);
    const { view } = await vegaEmbed(panel, fitting, { renderer: "svg", actions: false, tooltip: sayOf });
    // Screen readers get the label of the whole and the table instead.
    panel.removeAttribute("aria-label");
    panel.querySelector("svg")?.setAttribute("aria-hidden", "true");
    view.signal("followed", [...followed]);
    view.addEventListener("click", (_, item) => {
      const architecture = item && item.datum && item.datum.architecture;
      if (architecture) follow(architecture);
    });
    return view.runAsync();
  };

  const drawOne = async (name) => {
    const place = document.getElementById(`chart-${name}`);
    for (const view of views.get(name) || []) view.finalize();
    views.delete(name);
    if (place.closest("details:not([open])")) return;  // it has no width yet: drawn when it opens
    if (place.classList.contains("still")) keepForPaper(place);
    const panels = specs[name].map(() => document.createElement("div"));
    place.classList.toggle("panels", panels.length > 1);
    place.replaceChildren(...panels);
    const drawn = [];
    for (const [number, spec] of specs[name].entries()) drawn.push(await drawPanel(panels[number], spec));
    views.set(name, drawn);
  };

  const draw = async () => {
    for (const name of Object.keys(specs)) await drawOne(name);
    document.documentElement.dataset.drawn = String(views.size);
  };

  for (const button of buttons) button.addEventListener("click", () => follow(button.value));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !followed.size) return;
    followed.clear();
    showFollowed();
  });
  dark.addEventListener("change", draw);
  document.addEventListener("touchmove", tip.hide, { passive: true });  // else the mark scrolls away from it
  // Printing opens what is folded too, but paper has its own figures.
  document.addEventListener("toggle", async ({ target }) => {
    if (!target.open || target.dataset.printed) return;
    for (const name of Object.keys(specs)) {
      if (!views.has(name) && target.contains(document.getElementById(`chart-${name}`))) await drawOne(name);
    }
    document.documentElement.dataset.drawn = String(views.size);
  }, true);

  draw();
})();
