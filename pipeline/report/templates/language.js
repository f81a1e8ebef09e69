"use strict";
// The page of language models: a beginning, the likeliest next words, and how each network writes on.
//
// A written text looks and answers as on the page of `experiments.generate`: see `written.js`.
const language = (() => {
  const SETTLED = 300; // milliseconds without a change until texts are written anew
  const SHADES = 10;
  const END = "(end of text)";
  const { whole, number, text, pairs } = link.kinds;
  const KINDS = {
    text, temperature: number(0, 2), top: whole(0, 1_000_000), length: whole(1, 200), seed: whole(0, 999_999_999),
    seeds: pairs,
  };
  const FIELDS = ["temperature", "top", "length", "seed"];
  let play;
  let state;
  let cards = [];

  const usual = () => ({ text: play.beginnings[0] ?? "", temperature: 0.8, top: 0, length: 40, seed: 0, seeds: {} });

  function begin(opened) {
    play = opened;
    cards = play.networks.map(cardOf);
    find("#language .beside").replaceChildren(...cards.map(({ item }) => item));
    find("#language .examples").append(...play.beginnings.map((beginning) => make(
      "button", { type: "button", onclick: () => set({ text: beginning }) }, beginning || "(nothing)",
    )));
    find("#beginning").addEventListener("input", ({ target }) => set({ text: target.value }));
    for (const name of FIELDS) {
      find(`#${name}`).addEventListener("input", ({ target }) => {
        const value = KINDS[name][1](target.value);
        if (value !== undefined) set({ [name]: value });
      });
    }
    find("#another").addEventListener("click", () => set({ seed: state.seed + 1 }));
    find("#language .link").addEventListener("click", link.copy);
    window.addEventListener("hashchange", follow);
    follow();
  }

  function cardOf(network) {
    const title = make("h2", {}, keyOf(network), make("span", {}, network.label));
    const score = make("span", { class: "score" });
    const seeds = seedsOf(network, (name, seed) => set({ seeds: { ...state.seeds, [name]: seed } }));
    const next = make("ol", { class: "next", "aria-label": `Likeliest next words of ${network.label}` });
    const written = make("p", { class: "text", dir: "auto" });
    const whose = make("span", { class: "aside" }, ` of ${network.label}`);
    const table = make("details", {}, make("summary", {}, "Word by word", whose));
    const item = paint(make(
      "section", { class: "network", "aria-label": network.label },
      make("div", { class: "name" }, title, score, ...seeds), next, written, table,
    ), network);
    return { item, score, seeds, next, written, table };
  }

  function follow() {
    state = { ...usual(), ...link.read(KINDS) };
    state.seeds = knownSeeds(play.networks, state.seeds);
    apply();
  }

  function set(changes) {
    state = { ...state, ...changes };
    apply();
  }

  const networks = () => chosenOf(play.networks, state.seeds);

  function apply() {
    work.start("link", () => link.write(KINDS, state, usual()), link.SETTLED);
    if (find("#beginning").value !== state.text) find("#beginning").value = state.text;
    for (const name of FIELDS) {
      const shown = name === "top" && !state.top ? "" : state[name];
      if (find(`#${name}`) !== document.activeElement) find(`#${name}`).value = shown;
    }
    find("#temperature-said").textContent = decimal(state.temperature);
    tellBeginning();
    work.start("next", showNext);
    work.start("write", write, SETTLED);
  }

  function tellBeginning() {
    const tokens = Networks.tokenize(play.tokenizer, state.text);
    const unknown = tokens.filter(({ known }) => !known).map((token) => token.text);
    find("#beginning-notes").textContent = [
      ...(unknown.length ? [`Not in the vocabulary, and only known to stand there: ${unknown.join(", ")}.`] : []),
      ...(Networks.hasMarkup(state.text) ? ["Tags are left out, as in training."] : []),
    ].join(" ");
  }

  const idsOf = (network) => Networks.tokenize(network.tokenizer, state.text).map(({ id }) => id);

  async function showNext(pause) {
    tellSeeds(cards, networks(), (score) => `perplexity ${score < 10 ? decimal(score) : decimal(score, 1)}`);
    for (const [at, network] of networks().entries()) {
      showBars(cards[at], Networks.next(network, idsOf(network)));
      if (!(await pause())) return;
    }
  }

  // The bars stay where they are, so that a word may be taken again and again.
  function showBars({ next }, likeliest) {
    while (next.children.length > likeliest.length) next.lastChild.remove();
    while (next.children.length < likeliest.length) {
      const parts = [make("span", { class: "what" }), make("i"), make("span", { class: "share" })];
      const button = make("button", { type: "button" }, ...parts);
      button.addEventListener("click", () => set({ text: state.text + button.dataset.text }));
      next.append(make("li", {}, button));
    }
    likeliest.forEach((token, at) => {
      const button = next.children[at].firstChild;
      const [what, bar, share] = button.children;
      what.textContent = token.ends ? END : token.text.trim() || "␣";
      bar.style.setProperty("--share", token.probability);
      share.textContent = percent(token.probability);
      button.dataset.text = token.text;
      button.disabled = token.ends;
    });
  }

  async function write(pause) {
    for (const [at, network] of networks().entries()) {
      const beginning = Networks.tokenize(network.tokenizer, state.text);
      const { temperature, top, length, seed } = state;
      const ids = beginning.map(({ id }) => id);
      const tokens = Networks.write(network, ids, { temperature, topK: top || null, length, seed });
      showWritten(cards[at], beginning, tokens);
      if (!(await pause())) return;
    }
    find("#language-heard").textContent = "Written.";
  }

  function showWritten({ written, table }, beginning, tokens) {
    written.replaceChildren(make("span", { class: "prompt" }, ...partsOf(beginning)), ...tokens.flatMap(wordOf));
    if (!tokens[tokens.length - 1]?.ends) written.append(make("span", { class: "cut" }, " …"));
    const first = find(".word", written);
    if (first) first.tabIndex = 0;
    find(".scroll, table", table)?.remove();
    table.open = false;
  }

  // A text as it is read, with what is not in the vocabulary crossed out.
  function partsOf(tokens) {
    const parts = [];
    let end = 0;
    for (const token of tokens.filter(({ known }) => !known)) {
      parts.push(tokens.text.slice(end, token.start));
      parts.push(make("s", { class: "unknown", title: "not in its vocabulary" }, token.text));
      ({ end } = token);
    }
    return [...parts, tokens.text.slice(end)];
  }

  // A word of a written text, after the space before it.
  function wordOf({ text: whole, probability, likeliest, ends }) {
    const shown = whole.trimStart() || whole;
    const space = ends ? " " : whole.slice(0, whole.length - shown.length);
    const told = likeliest.flatMap((one) => [
      one.ends ? END : one.text.replaceAll("\t", " ").trim(), percent(one.probability),
    ]);
    const place = likeliest.findIndex((one) => one.text === whole && one.ends === ends);
    return [space, make("span", {
      class: `word s${Math.round(SHADES * Math.sqrt(probability))}${ends ? " end" : ""}`, tabindex: -1,
      "data-p": percent(probability), "data-at": place < 0 ? "" : place, "data-top": told.join("\t"),
    }, ends ? END : shown)];
  }

  return { begin };
})();
