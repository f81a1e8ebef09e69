"use strict";
// The text as the networks read it: each token a button that leaves it out, and the neutral words around it.
//
// All of them are one stop of the keyboard; arrow keys go from word to word.
const strip = (() => {
  const NEUTRAL = { before: ["before", "both"], after: ["after", "both"] };
  let list;
  let buttons = [];
  let shown = []; // the tokens of the buttons
  let shownOut = null; // and which of them are left out
  let isFocusedAgain = false; // a word that was replaced by its like

  // `toggle` is given the number of a token, `point` the token that is looked at, or null.
  function begin(element, { toggle, point }) {
    list = element;
    const numberOf = (event) => buttons.indexOf(event.target.closest?.("button"));
    list.addEventListener("click", (event) => { if (numberOf(event) >= 0) toggle(numberOf(event)); });
    // What is left out is not read, so that there is no answer after it.
    const look = (event) => {
      const at = numberOf(event);
      if (at >= 0) point(buttons[at].getAttribute("aria-pressed") === "true" ? null : shown[at]);
    };
    list.addEventListener("pointerover", look);
    list.addEventListener("focusin", (event) => { if (!isFocusedAgain) look(event); });
    list.addEventListener("pointerleave", () => point(null));
    list.addEventListener("focusout", () => point(null));
    list.addEventListener("keydown", step);
  }

  function step(event) {
    const here = buttons.indexOf(event.target);
    const turned = getComputedStyle(list).direction === "rtl" ? -1 : 1;
    const places = { ArrowRight: here + turned, ArrowLeft: here - turned, Home: 0, End: buttons.length - 1 };
    const next = here < 0 || event.ctrlKey || event.altKey || event.metaKey ? null : buttons[places[event.key]];
    if (!next) return;
    event.preventDefault();
    reach(next);
    next.focus();
  }

  function reach(button) {
    for (const one of buttons) one.tabIndex = one === button ? 0 : -1;
  }

  function show(tokens, state) {
    const focused = buttons.indexOf(document.activeElement);
    if (tokens !== shown || state.out !== shownOut) {
      buttons = tokens.map((token, at) => buttonOf(token, state.out.has(at)));
    }
    [shown, shownOut] = [tokens, state.out];
    list.replaceChildren(
      ...neutral(state, "before"), ...buttons.flatMap((button) => [button, " "]), ...neutral(state, "after"),
    );
    const reached = buttons[Math.max(0, Math.min(focused, buttons.length - 1))];
    if (reached) reach(reached);
    isFocusedAgain = true;
    if (focused >= 0) reached?.focus();
    isFocusedAgain = false;
  }

  function buttonOf(token, isOut) {
    return make(
      "button",
      {
        type: "button", class: token.known ? "token" : "token unknown",
        "data-place": token.start, title: titleOf(token),
        "aria-pressed": String(isOut), "aria-label": isOut ? `${token.text}, left out` : null,
      },
      token.text,
    );
  }

  const titleOf = ({ known }) => (known ? "" : "not in the vocabulary: read like every other unknown word");

  function neutral(state, side) {
    if (!state.words || !NEUTRAL[side].includes(state.place)) return [];
    return [make("span", { class: "neutral", "data-side": side }, plural(state.words, "neutral word")), " "];
  }

  // Shades the tokens by what each did to an answer: `weights` by their numbers, or null.
  function shade(weights) {
    const largest = Math.max(1e-9, ...(weights ?? []).map(Math.abs));
    buttons.forEach((button, at) => {
      const weight = weights?.[at];
      button.classList.toggle("for", weight > 0);
      button.classList.toggle("against", weight < 0);
      button.style.setProperty("--weight", weight ? `${(50 * Math.abs(weight)) / largest}%` : "0%");
      const moves = `${weight > 0 ? "falls" : "rises"} by ${decimal(Math.abs(weight ?? 0))}`;
      button.title = weight ? `without it the margin of the answer ${moves}` : titleOf(shown[at]);
    });
  }

  // Marks what is looked at: a column, or null.
  function mark(column) {
    for (const one of list.children) one.classList.remove("pointed");
    const pointed = column?.kind === "text"
      ? buttons.find((button) => button.dataset.place === String(column.place))
      : column && find(`.neutral[data-side="${column.kind}"]`, list);
    pointed?.classList.add("pointed");
  }

  return { begin, show, shade, mark };
})();
