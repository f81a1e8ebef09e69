"use strict";
// The page of networks that classify: what is set, and who is told of a change.
const classify = (() => {
  const SETTLED = 250; // milliseconds without a change until what is slow is drawn
  const HEARD = 900; // and until the answers are read aloud
  const SPOKEN = { after: "after the text", before: "before the text", both: "on each side of the text" };
  const { whole, oneOf, text, places, pairs } = link.kinds;
  const KINDS = {
    text, place: oneOf("after", "before", "both"), words: whole(0, reading.FURTHEST), out: places, head: text,
    seeds: pairs, shade: text, which: text, what: text,
  };
  const READ = "▶ Read word by word";
  let play;
  let state;
  let tokens = [];
  let measured = null; // of what the lines of the distances are
  let filled = null; // and the margins without the text

  const usual = () => ({
    text: play.texts[0]?.text ?? "", place: "after", words: 0, out: new Set(), head: null, seeds: {}, shade: null,
    which: null, what: null,
  });

  function begin(opened) {
    play = opened;
    reading.begin(play.neutral);
    answers.begin(find(".networks"), play.networks, {
      point: lookAt, follow: distance.follow,
      choose: (name, seed) => set({ seeds: { ...state.seeds, [name]: seed } }),
    });
    strip.begin(find(".words"), { toggle, point: (token) => lookAt(token && { kind: "text", place: token.start }) });
    distance.begin(find(".figure"), find("#margins"));
    gates.begin({
      frame: find(".frame"), canvas: find(".frame canvas"), line: find(".frame svg"),
      which: find("#which"), what: find("#what"), scale: find(".scale"), said: find("#read-off"),
    }, { change: set, point: lookAt });
    listen();
    follow();
  }

  function listen() {
    const on = (selector, kind, listener) => find(selector).addEventListener(kind, listener);
    find("#classify .examples").append(...play.texts.map((example) => make(
      "button", { type: "button", onclick: () => set({ text: example.text, out: new Set() }) }, example.title,
    )));
    const { heads } = play.networks[0];
    fill(find("#head"), heads.map(({ name }) => [name, name]));
    find(".of-head").hidden = heads.length < 2;
    on("#text", "input", ({ target }) => set({ text: target.value, out: new Set() }));
    fill(find("#shade"), [["", "none"], ...play.networks.map(({ name, label }) => [name, label])]);
    on("#shade", "change", ({ target }) => set({ shade: target.value || null }));
    on("#words", "input", ({ target }) => set({ words: reading.wholeNear(Number(target.value), state.words) }));
    on("#head", "change", ({ target }) => set({ head: target.value }));
    on("fieldset", "change", ({ target }) => set({ place: target.value }));
    on("#restore", "click", () => { set({ out: new Set() }); find(".words button")?.focus(); });
    on("#replay", "click", () => (work.isUnderWay("replay") ? stopReplay() : replay()));
    document.addEventListener("keydown", ({ key }) => { if (key === "Escape") stopReplay(); });
    on("#classify .link", "click", link.copy);
    on("#by-word", "toggle", showTable);
    window.addEventListener("hashchange", follow);
    new ResizeObserver(answers.redraw).observe(find(".networks"));
  }

  // Takes the settings from the address, but for what the page does not know.
  function follow() {
    const wanted = { ...usual(), ...link.read(KINDS) };
    const { length } = reading.tokensOf(play.tokenizer, wanted.text);
    const nameIn = (all, given) => all.find(({ name }) => name === given)?.name ?? null;
    state = {
      ...wanted,
      words: reading.wholeNear(wanted.words),
      out: new Set([...wanted.out].filter((at) => at < length)),
      head: nameIn(play.networks[0].heads, wanted.head),
      seeds: knownSeeds(play.networks, wanted.seeds),
      shade: nameIn(play.networks, wanted.shade),
      ...gates.known(play.networks, wanted),
    };
    apply();
  }

  function set(changes) {
    state = { ...state, ...changes };
    apply();
  }

  function toggle(at) {
    const out = new Set(state.out);
    if (!out.delete(at)) out.add(at);
    set({ out });
  }

  const networks = () => chosenOf(play.networks, state.seeds);
  function headOf() {
    const [{ heads }] = play.networks;
    return (heads.find(({ name }) => name === state.head) ?? heads[0]).name;
  }
  const given = () => ({ ...state, out: tokens.filter((_, at) => state.out.has(at)) });
  const isNothingLeft = () => tokens.length <= state.out.size;
  // Nothing where no word of the text is left, whatever stands around it.
  const columnsOf = (network) => (isNothingLeft() ? [] : reading.columnsOf(network.tokenizer, given()));

  // Shows the settings everywhere; what takes longer follows when they have settled.
  function apply() {
    work.start("link", () => link.write(KINDS, state, usual()), link.SETTLED);
    tokens = reading.tokensOf(play.tokenizer, state.text);
    stopReplay();
    showControls();
    strip.show(tokens, state);
    tellText();
    distance.show(state.words);
    work.start("answers", answer);
    work.start("gates", showGates, SETTLED);
    work.start("distance", measure, SETTLED);
    work.start("shade", shade, SETTLED);
    forgetFilled();
    work.start("without", fillAlone, SETTLED);
    work.start("heard", () => { find("#heard").textContent = answers.summary(); }, HEARD);
  }

  function showControls() {
    if (find("#text").value !== state.text) find("#text").value = state.text;
    find("#words").value = state.words;
    const count = state.words
      ? `${plural(state.words, "neutral word")} ${SPOKEN[state.place]}` : "no neutral words yet";
    find("#count").textContent = count;
    find("#words").setAttribute("aria-valuetext", count);
    for (const radio of document.getElementsByName("place")) radio.checked = radio.value === state.place;
    find("#head").value = headOf();
    find("#shade").value = state.shade ?? "";
    find("#restore").hidden = !state.out.size;
    find("#replay").disabled = isNothingLeft();
    answers.choose(networks());
  }

  function tellText() {
    const unknown = tokens.filter(({ known }) => !known).length;
    find("#notes").textContent = [...notesOn(unknown)].join(" ");
    const right = [...rightOnes()].join(", ");
    find("#right").textContent = right && `Right answer: ${right}.`;
  }

  // The right labels of an example that nobody has changed.
  function* rightOnes() {
    const example = play.texts.find(({ text: one }) => one === state.text);
    if (!example || state.out.size) return;
    for (const { name } of play.networks[0].heads) {
      if (Object.hasOwn(example.answers, name)) yield example.answers[name];
    }
  }

  // What a reader must know of the text before believing the answers.
  function* notesOn(unknown) {
    if (!tokens.length) yield "Nothing to read yet: type a text, or choose an example.";
    else if (isNothingLeft()) yield "All words are left out.";
    else yield "Click a word to leave it out.";
    if (state.shade && tokens.length) {
      yield `Violet: without this word ${state.shade} is less sure of its answer on ${headOf()}; yellow: surer.`;
    }
    if (Networks.hasMarkup(state.text)) yield "Tags are left out, as in training.";
    if (unknown && unknown === tokens.length) {
      yield "The networks know none of these words, and answer as to any text of unknown words.";
    } else if (unknown) {
      const are = unknown === 1 ? "is" : "are";
      yield `${plural(unknown, "dotted word")} ${are} unknown to the networks, which read all such words alike.`;
    }
    if (tokens.cut) {
      const { after, count } = tokens.cut;
      const where = after === 0 ? "at the start" : after === tokens.length ? "at the end" : "in the middle";
      const [read, cut] = [tokens.length, count].map((one) => one.toLocaleString("en"));
      yield `As in training, ${read} tokens are read, and ${cut} ${where} are cut.`;
    }
  }

  async function answer(pause) {
    const waiting = [];
    for (const network of networks()) {
      const columns = columnsOf(network);
      const ids = reading.idsOf(columns);
      const plain = plainOf(network);
      if (!ids.length) answers.clear(network.name);
      else {
        const { logits, steps } = reading.read(network, ids);
        const known = steps ? steps.map((step, at) => [at, step.logits]) : [[ids.length - 1, logits]];
        answers.show(network.name, columns, known, plain);
        distance.answer(network.name, logits);
        if (!steps) waiting.push({ network, columns, ids, plain });
      }
      if (!(await pause())) return;
    }
    for (const { network, columns, ids, plain } of waiting) {
      const steps = [];
      for (const step of reading.course(network, ids)) {
        steps.push(step);
        if (!(await pause())) return;
      }
      answers.show(network.name, columns, steps, plain);
    }
    showTable();
  }

  // What it answers to the text alone, where something has been done to it; else null.
  function plainOf(network) {
    if (!tokens.length || !(state.words || state.out.size)) return null;
    const alone = reading.columnsOf(network.tokenizer, { text: state.text });
    return reading.read(network, reading.idsOf(alone)).logits;
  }

  // Measured anew unless only the slider has moved, which goes along the lines.
  async function measure(pause) {
    const { text: read, out, place, seeds } = state;
    const key = JSON.stringify([read, [...out], place, seeds, headOf()]);
    if (key === measured) return;
    measured = null;
    if (isNothingLeft()) distance.clear();
    else if (!(await distance.measure(networks(), given(), headOf(), pause))) return;
    measured = key;
  }

  // What the networks answer to the neutral words alone, whatever the text is.
  async function fillAlone(pause) {
    if (filled) return;
    for (const network of networks()) {
      const ids = reading.idsOf(reading.fillOf(network.tokenizer, state));
      if (ids.length) distance.fill(network.name, Networks.read(network, ids).logits);
      if (!(await pause())) return;
    }
    filled = keyOfFilled();
  }
  function forgetFilled() {
    if (filled === keyOfFilled()) return;
    filled = null;
    distance.forget();
  }
  const keyOfFilled = () => JSON.stringify([state.place, state.words, state.seeds]);

  // Shades the words by what they do to the answer of one network.
  async function shade(pause) {
    const network = networks().find(({ name }) => name === state.shade);
    if (!network || isNothingLeft()) {
      strip.shade(null);
      return;
    }
    const weights = [];
    for (const [at, weight] of reading.weightsOf(network, given(), headOf())) {
      weights[at] = weight;
      if (!(await pause())) return;
    }
    if (network.tokenizer === play.tokenizer) strip.shade(weights);
  }

  function showGates() {
    const traced = networks().map((network) => ({ network, columns: columnsOf(network) }))
      .filter(({ columns }) => columns.length)
      .map((one) => ({ ...one, layers: reading.read(one.network, reading.idsOf(one.columns)).layers }));
    gates.show(traced, state);
  }

  function showTable() {
    if (find("#by-word").open) find("#by-word .scroll").replaceChildren(answers.table());
  }

  function lookAt(column) {
    answers.point(column);
    strip.mark(column);
  }

  // Goes through the text in some ten seconds, or faster where it is short.
  function replay() {
    const columns = columnsOf(play.networks[0]);
    find("#replay").textContent = "■ Stop";
    work.start("replay", async (pause) => {
      for (const column of columns) {
        lookAt(column);
        await work.sleep(Math.min(350, 10_000 / columns.length));
        if (!(await pause())) return;
      }
      stopReplay();
    });
  }

  function stopReplay() {
    if (!work.isUnderWay("replay")) return;
    work.stop("replay");
    find("#replay").textContent = READ;
    lookAt(null);
  }

  return { begin };
})();
