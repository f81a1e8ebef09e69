"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const specs = read("specs");
  const onDark = read("on-dark");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const buttons = [...document.querySelectorAll(".legend button")];
  const views = new Map();
  let followed = "";
  let unfolded = [];  // for printing

  // Every colour has a counterpart on the dark page; paper is always light.
  const themed = (spec, isDark) =>
    isDark
      ? JSON.parse(JSON.stringify(spec).replace(/#[0-9a-f]{6}\b/g, (colour) => onDark[colour] || colour))
      : spec;

  // On a phone a title may be wider than its axis, so it is broken into lines.
  const fitted = (spec, width) => {
    const most = Math.floor(width / 9);
    const lines = (title) => title.split(" ").reduce((all, word) => {
      const last = all.at(-1);
      return last && last.length + word.length >= most ? [...all, word] : [...all.slice(0, -1), last ? `${last} ${word}` : word];
    }, [""]);
    return JSON.parse(JSON.stringify(spec), (key, value) => {
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

  const follow = (name) => {
    followed = name === followed ? "" : name;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.value === followed && followed !== ""));
    for (const view of views.values()) view.signal("followed", followed).runAsync();
  };

  const drawOne = async (name) => {
    const place = document.getElementById(`chart-${name}`);
    if (views.has(name)) views.get(name).finalize();
    views.delete(name);
    if (place.closest("details:not([open])")) return;  // it has no width yet: drawn when it opens
    const isDark = dark.matches;
    const label = place.getAttribute("aria-label");
    if (place.classList.contains("still")) keepForPaper(place);
    const { view } = await vegaEmbed(place, fitted(themed(specs[name], isDark), place.clientWidth), {
      renderer: "svg", actions: false, tooltip: { theme: isDark ? "dark" : "light" },
    });
    place.setAttribute("aria-label", label);
    // Screen readers get the label and the table instead.
    place.querySelector("svg")?.setAttribute("aria-hidden", "true");
    view.signal("followed", followed);
    view.addEventListener("click", (_, item) => {
      const architecture = item && item.datum && item.datum.architecture;
      if (architecture) follow(architecture);
    });
    await view.runAsync();
    views.set(name, view);
  };

  const draw = async () => {
    for (const name of Object.keys(specs)) await drawOne(name);
    document.documentElement.dataset.drawn = String(views.size);
  };

  for (const button of buttons) button.addEventListener("click", () => follow(button.value));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && followed) follow(followed); });
  dark.addEventListener("change", draw);
  // Printing opens what is folded too, but paper has its own figures.
  document.addEventListener("toggle", async (event) => {
    if (!event.target.open || unfolded.includes(event.target)) return;
    for (const name of Object.keys(specs)) {
      if (!views.has(name) && event.target.contains(document.getElementById(`chart-${name}`))) await drawOne(name);
    }
    document.documentElement.dataset.drawn = String(views.size);
  }, true);

  window.addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details:not([open])")];
    for (const one of unfolded) one.open = true;
  });
  window.addEventListener("afterprint", () => { for (const one of unfolded) one.open = false; unfolded = []; });

  draw();
})();
