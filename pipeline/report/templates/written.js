"use strict";
// What was likeliest at the place of a word: beside it, and as a table of its text.
(() => {
  let shown = null;

  const wordOf = (event) => event.target.closest?.(".text .word") ?? null;
  const likeliestOf = (word) => {
    const parts = word.dataset.top.split("\t");
    return parts.flatMap((_, at) => (at % 2 ? [] : [[parts[at], parts[at + 1]]]));
  };

  function show(word) {
    if (word === shown) return;
    hide();
    shown = word;
    const content = document.createElement("div");
    const table = document.createElement("table");
    for (const [place, [text, share]] of likeliestOf(word).entries()) {
      const row = table.insertRow();
      row.append(make("td", {}, text), make("td", {}, share));
      row.classList.toggle("chosen", word.dataset.at === String(place));
    }
    content.append(make("p", {}, `Written with ${word.dataset.p}; likeliest:`), table);
    word.classList.add("shown");
    word.setAttribute("aria-describedby", tip.box.id);
    tip.show(content, () => {
      const { left, top, bottom } = word.getClientRects()[0];
      return { left, right: left, top, bottom: bottom + 4 };
    });
  }

  function hide() {
    if (!shown) return;
    shown.classList.remove("shown");
    shown.removeAttribute("aria-describedby");
    shown = null;
    tip.hide();
  }

  document.addEventListener("pointerover", (event) => {
    const word = wordOf(event);
    if (word) show(word);
    else hide();
  });
  document.addEventListener("click", (event) => {
    const word = wordOf(event);
    if (word) show(word);
    else hide();
  });
  document.addEventListener("focusin", (event) => {
    const word = wordOf(event);
    if (word) show(word);
  });
  document.addEventListener("focusout", (event) => { if (wordOf(event)) hide(); });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return hide();
    const word = wordOf(event);
    if (!word || event.altKey || event.ctrlKey || event.metaKey) return undefined;
    const words = [...word.parentElement.querySelectorAll(".word")];
    const turned = getComputedStyle(word.parentElement).direction === "rtl" ? -1 : 1;
    const here = words.indexOf(word);
    const places = { ArrowRight: here + turned, ArrowLeft: here - turned, Home: 0, End: words.length - 1 };
    const next = words[places[event.key]];
    if (next) {
      event.preventDefault();
      word.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
    return undefined;
  });

  document.addEventListener("toggle", ({ target: details }) => {
    const text = details.previousElementSibling;
    if (!text?.matches(".network .text") || details.querySelector("table")) return;
    const rows = [...text.querySelectorAll(".word")].map((word) => [
      word.textContent, word.dataset.p, likeliestOf(word).map((pair) => pair.join("\u00a0")).join(", "),
    ]);
    details.append(tabulate(["Word", "Probability", "Likeliest"], rows));
  }, { capture: true });
})();
